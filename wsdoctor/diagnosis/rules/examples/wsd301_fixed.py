# Who started the task ends it: cancel, then wait.
# (`done`: to cancel a task that has failed before would hide its error.)

import asyncio
from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def heartbeat(websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):  # it may be the first to notice
        while True:
            await asyncio.sleep(20)
            await websocket.send_text("ping")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    task = asyncio.create_task(heartbeat(websocket))
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


app = Starlette(routes=[WebSocketRoute("/echo", echo)])

# The client says what it is first: --send hello. It is read, as the disconnect is.

import asyncio
from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def stream(websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await websocket.send_text("tick")
            await asyncio.sleep(0.2)


async def ticks(websocket: WebSocket) -> None:
    await websocket.accept()
    task = asyncio.create_task(stream(websocket))
    try:
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        task.cancel()
        await asyncio.wait([task])


app = Starlette(routes=[WebSocketRoute("/ticks", ticks)])

# The heartbeat is started for every connection and stopped for none.

import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def heartbeat(websocket: WebSocket) -> None:
    while True:
        await asyncio.sleep(20)
        await websocket.send_text("ping")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    asyncio.create_task(heartbeat(websocket))  # <- here
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/echo", echo)])

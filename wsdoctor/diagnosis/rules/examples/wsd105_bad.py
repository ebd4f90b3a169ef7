# A task reads in order to notice the end, and the handler reads the messages. Each
# message, and the disconnect, reaches only one of the two.

import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket


async def disconnected(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    gone = asyncio.create_task(disconnected(websocket))  # <- here
    while not gone.done():
        await websocket.send_text(await websocket.receive_text())


app = Starlette(routes=[WebSocketRoute("/echo", echo)])

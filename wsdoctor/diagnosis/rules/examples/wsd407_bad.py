# `sys.exit()` in a task ends more than that: asyncio lets the SystemExit through,
# out of the event loop. The first client that leaves ends the server for all.

import asyncio
import sys

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def read(websocket: WebSocket) -> None:
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect as left:
        sys.exit(f"the client has left: {left.code}")  # <- here


async def console(websocket: WebSocket) -> None:
    await websocket.accept()
    reading = asyncio.create_task(read(websocket))
    await asyncio.wait([reading])


app = Starlette(routes=[WebSocketRoute("/console", console)])

# The task ends when the client has left, and nothing else does.

import asyncio
import logging

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

log = logging.getLogger(__name__)


async def read(websocket: WebSocket) -> None:
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect as left:
        log.info("the client has left: %s", left.code)


async def console(websocket: WebSocket) -> None:
    await websocket.accept()
    reading = asyncio.create_task(read(websocket))
    await asyncio.wait([reading])


app = Starlette(routes=[WebSocketRoute("/console", console)])

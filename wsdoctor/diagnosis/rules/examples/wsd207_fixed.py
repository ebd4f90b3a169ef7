# The callback asks whether the task was cancelled before it asks for its error.

import asyncio
import logging
from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

log = logging.getLogger(__name__)


async def stream(websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text("tick")
            await asyncio.sleep(1)


def done(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("the stream failed", exc_info=error)


async def ticks(websocket: WebSocket) -> None:
    await websocket.accept()
    task = asyncio.create_task(stream(websocket))
    task.add_done_callback(done)
    with suppress(WebSocketDisconnect):
        while await websocket.receive_text():
            pass
    task.cancel()


app = Starlette(routes=[WebSocketRoute("/ticks", ticks)])

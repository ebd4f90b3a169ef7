"""The lifespan that stops its task properly and forgets to catch the disconnect.

The task is cancelled and waited for: nothing leaks and nothing lingers. But the only way in which a
listener says "the client has left" is to raise WebSocketDisconnect at the `yield`. Here it leaves
the handler, and Litestar sends `websocket.close` on a connection that has ended.

Against `fixed` only the two lines `except WebSocketDisconnect: pass` are missing.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect

SHOWS = ("WSD201",)
FIXED_TWIN = "fixed"


async def stream(socket: WebSocket[Any, Any, Any]) -> None:
    """Send the time every two seconds, until the client has left."""
    with suppress(WebSocketDisconnect, OSError):
        while True:
            await socket.send_text(time.ctime())
            await asyncio.sleep(2)


@asynccontextmanager
async def lifespan(socket: WebSocket[Any, Any, Any]) -> AsyncIterator[None]:
    """Accept the connection and stream beside the listener."""
    await socket.accept()
    task = asyncio.create_task(stream(socket))
    try:
        yield
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    """Send every message back."""
    return data


app = Litestar([echo])

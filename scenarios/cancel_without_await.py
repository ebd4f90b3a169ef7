"""The lifespan that cancels its task and catches nothing.

This is `naive` without its fatal `await`: the lifespan cancels the task as soon as the client has
left, and the task stops. But WebSocketDisconnect is still raised at the `yield` and still leaves the
handler, so Litestar still sends `websocket.close` on a connection that has ended. And the handler
does not wait for the task, so it may end before the task's own cleanup has run.

`cancel-no-except` adds the wait; `fixed` adds the wait and the `except`.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, WebSocket, websocket_listener

SHOWS = ("WSD201",)
FIXED_TWIN = "fixed"


async def stream(socket: WebSocket[Any, Any, Any]) -> None:
    """Send the time every two seconds."""
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
        task.cancel()


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    """Send every message back."""
    return data


app = Litestar([echo])

"""The lifespan that starts a task and has nothing after its `yield`.

This is the shortest form, and a common first draft. When the client leaves, WebSocketDisconnect is
raised at the `yield`; nothing catches it, so Litestar sends `websocket.close` on a connection that
has ended. Nothing stops the task either: it lives on until its next send, which raises
WebSocketDisconnect without a caller. asyncio logs "Task exception was never retrieved".

`naive` adds a `finally`, `except-no-cancel` an `except`. Both are needed, and neither is enough.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, WebSocket, websocket_listener

SHOWS = ("WSD201", "WSD301")
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
    task = asyncio.create_task(stream(socket))  # noqa: F841, RUF006 - nothing stops it: the bug
    yield


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    """Send every message back."""
    return data


app = Litestar([echo])

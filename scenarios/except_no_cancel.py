"""The lifespan that catches the disconnect and forgets its task.

The log said WebSocketDisconnect, so a developer caught it. The handler now returns at once and without
an error, but the task goes on until its next send, up to two seconds later. That send raises
WebSocketDisconnect in a task that is never awaited, and asyncio logs "Task exception was never
retrieved", far from the handler that caused it. A task that waits for a rarer event than a clock
would stay until that event, one task for each connection.

Against `no-cleanup` the `except` is new; against `fixed` the `finally` is missing.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect

SHOWS = ("WSD301",)
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
    try:  # noqa: SIM105 - the shape of `fixed`, with the `finally` left out
        yield
    except WebSocketDisconnect:
        pass


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    """Send every message back."""
    return data


app = Litestar([echo])

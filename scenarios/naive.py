"""The listener that awaits its streaming task before it cancels it.

People write this first, and litestar issue 4106 reported it. When the client leaves, the listener
raises WebSocketDisconnect at the `yield`, and `finally` waits for a task that has not been
cancelled. Up to two seconds later that task sends again; Litestar raises a second
WebSocketDisconnect in it, and `await task` passes it on, so `task.cancel()` is never reached.
Litestar answers the exception by sending `websocket.close` on a connection that has ended. Only
uvicorn's legacy `websockets` implementation logs that; the other two say nothing.

Without the `await` the task would stop at once: see `cancel-without-await` for what is then still
missing.
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
        await task
        task.cancel()


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    """Send every message back."""
    return data


app = Litestar([echo])

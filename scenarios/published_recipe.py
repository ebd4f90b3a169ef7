"""The recipe that gets passed around: set a flag, cancel, await, catch the disconnect.

It looks complete, but to `await` a cancelled task raises its CancelledError in the one who waits.
That is no Exception: it passes `except WebSocketDisconnect`, Litestar's exception handling and its
`after_exception` hooks, and the server logs "Exception in ASGI application" at every disconnect.

The flag is harmless, and useless beside the cancel. Against `fixed` one line matters, `await task`:
`gather(..., return_exceptions=True)` waits as well, and returns the error instead of raising it.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect

SHOWS = ("WSD501",)
FIXED_TWIN = "fixed"


async def stream(socket: WebSocket[Any, Any, Any], closed: asyncio.Event) -> None:
    """Send the time every two seconds, until the flag is set."""
    while not closed.is_set():
        await socket.send_text(time.ctime())
        await asyncio.sleep(2)


@asynccontextmanager
async def lifespan(socket: WebSocket[Any, Any, Any]) -> AsyncIterator[None]:
    """Accept the connection and stream beside the listener."""
    await socket.accept()
    closed = asyncio.Event()
    task = asyncio.create_task(stream(socket, closed))
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        closed.set()
        task.cancel()
        await task


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    """Send every message back."""
    return data


app = Litestar([echo])

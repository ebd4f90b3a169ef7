"""The listener with a streaming task, done right: catch the disconnect, cancel the task, wait.

When the client leaves, the listener raises WebSocketDisconnect at the `yield`. Three lines end the
connection cleanly, and each of them is needed:

- `except WebSocketDisconnect` ends it here (without: `cancel-no-except`).
- `task.cancel()` stops the stream now and not at its next send (without: `drain`).
- `asyncio.wait` waits until it has stopped (without: `cancel-without-await`).

Why `asyncio.wait([task])` and not `await task`? It does not raise what the task ended with, which is
the CancelledError that we ordered (`published-recipe` lets that escape). And unlike
`suppress(CancelledError)` it lets a cancellation from outside through, such as the server's
shutdown timeout. Unlike `gather(task, return_exceptions=True)` it takes no error of the task's away: a
bug in `stream` is still logged by asyncio. That is why a task that has ended already is left alone,
too. That the client has left is no error, and `stream` expects it.

The listener's own reply may lose that race as well. Its OSError may leave the handler, for the ASGI
specification tells servers to expect it and not to log it.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect

SHOWS = ()


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
    except WebSocketDisconnect:
        pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    """Send every message back."""
    return data


app = Litestar([echo])

"""The listener with a streaming task, done right: catch the disconnect, cancel the task, wait.

When the client leaves, the listener raises WebSocketDisconnect at the `yield`. Three lines end the
connection cleanly, and each of them is needed:

- `except WebSocketDisconnect` ends it here (without: `cancel-no-except`).
- `task.cancel()` stops the stream now and not at its next send (without: `drain`).
- `gather` waits until it has stopped (without: `cancel-without-await`).

Why `gather(task, return_exceptions=True)` and not `await task`? It returns what the task raised, be
it the CancelledError that we ordered (`published-recipe` lets that escape) or the OSError or
WebSocketDisconnect of a send that lost the race with the disconnect. And unlike
`suppress(CancelledError)` it lets a cancellation from outside through, such as the server's
shutdown timeout. A bug in `stream` it hides: log it there, or use a task group as in
`docs-example-fixed`.

The listener's own reply may lose that race as well. Its OSError may leave the handler, for the ASGI
specification tells servers to expect it and not to log it.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect

SHOWS = ()


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
    except WebSocketDisconnect:
        pass
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    """Send every message back."""
    return data


app = Litestar([echo])

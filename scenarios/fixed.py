"""The listener with a streaming task, done right: catch the disconnect, cancel the task, wait.

When the client leaves, the listener raises WebSocketDisconnect at the `yield`. Each line has its
part in ending the connection cleanly:

- `except WebSocketDisconnect` ends it there (without: `cancel-no-except`).
- `task.cancel()` stops the stream now and not at its next send (without: `drain`,
  `except-no-cancel`).
- `asyncio.wait([task])` lets it finish. Unlike `await task` it does not raise the CancelledError
  that we ordered ourselves (`published-recipe`). Unlike `await task` under
  `suppress(CancelledError)` it does not swallow a cancellation from outside, such as the server's
  shutdown timeout.
- `suppress` is there because the stream may notice first: the server then raises an OSError in its
  send, or Litestar a WebSocketDisconnect. It just ends, since the listener learns of the disconnect
  by itself. Any other error stays in the task and asyncio logs it: bugs are not hidden.

The echo may lose that race too. Its OSError may leave the handler: the ASGI specification has
servers expect it and keep silent.
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
    """Send the time every two seconds, as long as the client is there."""
    with suppress(WebSocketDisconnect, OSError):  # a send may lose the race with the disconnect
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
        await asyncio.wait([task])


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    """Send every message back."""
    return data


app = Litestar([echo])

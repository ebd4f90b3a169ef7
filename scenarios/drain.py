"""The lifespan that asks its task to stop and waits until the task gets round to it.

This is the recipe given in litestar issue 4106, without its other bug: set a flag, wait for the task,
catch the disconnect. Nothing is raised and nothing leaks, but the task looks at the flag only when
its sleep is over. The handler, and with it the server's shutdown, lingers for up to one period of
the stream: two seconds here, an hour for an hourly report.

Against `fixed` the line `task.cancel()` is missing.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect

SHOWS = ("WSD401",)
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
        await asyncio.gather(task, return_exceptions=True)


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    """Send every message back."""
    return data


app = Litestar([echo])

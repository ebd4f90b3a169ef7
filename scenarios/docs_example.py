"""The example of Litestar's documentation, `stream_and_receive_listener.py`.

It catches the disconnect, sets a flag, and the task group waits for the stream. But the generator
looks at the flag, *then* sleeps, then yields: the client nearly always leaves during the sleep, so
one more message follows, up to two seconds later. Litestar raises WebSocketDisconnect in the
stream, the task group wraps it in an ExceptionGroup, and that leaves the lifespan behind the back
of its `except`.

In the documentation the period is 0.1 seconds; otherwise this is the same.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import send_websocket_stream

SHOWS = ("WSD202",)
FIXED_TWIN = "docs-example-fixed"


@asynccontextmanager
async def lifespan(socket: WebSocket[Any, Any, Any]) -> AsyncIterator[None]:
    """Stream beside the listener, which accepts the connection."""
    closed = anyio.Event()

    async def pings() -> AsyncGenerator[str, None]:
        while not closed.is_set():
            await anyio.sleep(2)
            yield "ping"

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send_websocket_stream, socket, pings())
        try:
            yield
        except WebSocketDisconnect:
            pass
        finally:
            closed.set()


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    """Send every message back."""
    return data


app = Litestar([echo])

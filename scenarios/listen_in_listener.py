"""The listener whose stream listens for the disconnect as well.

`listen_for_disconnect=True` makes Litestar's `send_websocket_stream` read from the socket, and the
listener reads from it too. uvicorn's legacy `websockets` implementation refuses the second reader
with a RuntimeError: the stream dies after its first message, and asyncio reports it only when the
task is awaited or collected. On the other two the readers take turns, so every other message of the
client goes to the stream, which throws it away.

Against `fixed` the stream is Litestar's own. Without `listen_for_disconnect=True` it would be
right: the listener already listens.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import send_websocket_stream

SHOWS = ("WSD105",)
FIXED_TWIN = "fixed"


async def ticks() -> AsyncGenerator[str, None]:
    """Yield the time every two seconds."""
    while True:
        yield time.ctime()
        await asyncio.sleep(2)


@asynccontextmanager
async def lifespan(socket: WebSocket[Any, Any, Any]) -> AsyncIterator[None]:
    """Accept the connection and stream beside the listener."""
    await socket.accept()
    task = asyncio.create_task(send_websocket_stream(socket, ticks(), listen_for_disconnect=True))
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

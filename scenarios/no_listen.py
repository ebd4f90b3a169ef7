"""The raw handler that only sends, and so never hears that the client has left.

A disconnect is a message like any other: who does not receive does not get it. This handler learns
of it when a later send fails, up to two seconds after the client has gone; with a stream that
yields once an hour, an hour later. Until then the handler and all that it holds stay, and the
server's shutdown waits for it.

`listen-for-disconnect` adds one argument, and the `except*` that goes with it.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.handlers import send_websocket_stream

SHOWS = ("WSD204",)
FIXED_TWIN = "listen-for-disconnect"


async def ticks() -> AsyncGenerator[str, None]:
    """Yield the time every two seconds."""
    while True:
        yield time.ctime()
        await asyncio.sleep(2)


@websocket("/ws")
async def handler(socket: WebSocket[Any, Any, Any]) -> None:
    """Accept the connection and stream."""
    await socket.accept()
    async with aclosing(ticks()) as stream:
        await send_websocket_stream(socket, stream)


app = Litestar([handler])

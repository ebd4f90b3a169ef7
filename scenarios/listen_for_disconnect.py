"""The raw handler that streams and listens for the disconnect.

`listen_for_disconnect=True` reads from the socket beside the stream and cancels the stream when the
client leaves. What the client sends is thrown away with a warning: this form is for clients that
only read.

Litestar runs reader and sender in a task group, so a send that loses the race with the disconnect
arrives as an ExceptionGroup: hence `except*`. `aclosing` is for the same moment: a generator that
waits at its `yield` while the send fails is closed here, not whenever it is collected.

Against `no-listen` the argument is new, and the `except*`.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import send_websocket_stream

SHOWS = ()


async def ticks() -> AsyncGenerator[str, None]:
    """Yield the time every two seconds."""
    while True:
        yield time.ctime()
        await asyncio.sleep(2)


@websocket("/ws")
async def handler(socket: WebSocket[Any, Any, Any]) -> None:
    """Accept the connection and stream until the client leaves."""
    await socket.accept()
    try:
        async with aclosing(ticks()) as stream:
            await send_websocket_stream(socket, stream, listen_for_disconnect=True)
    except* (WebSocketDisconnect, OSError):
        pass


app = Litestar([handler])

"""The stream of dicts through a function that can send only text and bytes.

The decorator `websocket_stream` encodes what its generator yields. The function
`send_websocket_stream` does not; it calls `.decode()` on the dict, and an AttributeError leaves the
handler before anything has been sent. Litestar turns that into close code 4500 and logs nothing:
the client sees a connection that closes as soon as it is open, and no log says why.

`complex-data-fixed` differs in one line, `json.dumps`.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import send_websocket_stream

SHOWS = ("WSD603",)
FIXED_TWIN = "complex-data-fixed"


async def ticks() -> AsyncGenerator[dict[str, float], None]:
    """Yield the time every two seconds."""
    while True:
        yield {"time": time.time()}
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

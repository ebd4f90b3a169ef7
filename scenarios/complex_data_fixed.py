"""The stream of dicts, encoded before it is sent.

`send_websocket_stream` sends text and bytes, so the generator yields text. Against `complex-data`
one line differs, `json.dumps`. The disconnect is handled as in `listen-for-disconnect`.
"""

import asyncio
import json
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
        yield json.dumps({"time": time.time()})
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

# The stream yields dicts, but this function sends only text and bytes. Litestar
# turns the AttributeError into close code 4500, and logs nothing.

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import send_websocket_stream


async def readings() -> AsyncGenerator[dict[str, int], None]:
    while True:
        yield {"degrees": 21}
        await asyncio.sleep(2)


@websocket("/sensor")
async def sensor(socket: WebSocket) -> None:
    await socket.accept()
    try:
        async with aclosing(readings()) as stream:
            await send_websocket_stream(socket, stream, listen_for_disconnect=True)  # <- here
    except* (WebSocketDisconnect, OSError):
        pass


app = Litestar([sensor])

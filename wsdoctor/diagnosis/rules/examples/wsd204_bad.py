# The handler never reads, so it does not learn that the client has left before the
# next send fails, up to a minute later.

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import send_websocket_stream


async def weather() -> AsyncGenerator[str, None]:
    while True:
        yield "sunny"
        await asyncio.sleep(60)


@websocket("/weather")
async def handler(socket: WebSocket) -> None:
    await socket.accept()
    try:
        async with aclosing(weather()) as stream:
            await send_websocket_stream(socket, stream)  # <- here
    except* (WebSocketDisconnect, OSError):
        pass


app = Litestar([handler])

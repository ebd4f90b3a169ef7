"""A stream of what Litestar cannot send."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from litestar import Litestar, WebSocket, websocket
from litestar.handlers import send_websocket_stream


@dataclass
class Reading:
    celsius: float


async def readings() -> AsyncGenerator[Reading, None]:
    while True:
        yield Reading(21.5)
        await asyncio.sleep(1)


@websocket("/sensor")
async def sensor(socket: WebSocket) -> None:
    await socket.accept()
    async with aclosing(readings()) as stream:
        await send_websocket_stream(socket, stream, listen_for_disconnect=True)


app = Litestar([sensor])

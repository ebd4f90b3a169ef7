"""A handler that keeps going until the application says so, which it does too late."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

stopping = asyncio.Event()


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    yield
    stopping.set()


async def until_stopped(socket: WebSocket) -> None:
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect as left:
        if left.code == 1012:
            await stopping.wait()


@websocket("/presence")
async def presence(socket: WebSocket) -> None:
    await socket.accept()
    await until_stopped(socket)


app = Litestar([presence], lifespan=[lifespan])

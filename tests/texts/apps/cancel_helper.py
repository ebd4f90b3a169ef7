"""The helper that ends a task is in another module."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect

from helpers.protocol import stop


async def stream(socket: WebSocket) -> None:
    while True:
        await socket.send_text("tick")
        await asyncio.sleep(4)


@asynccontextmanager
async def streaming(socket: WebSocket) -> AsyncIterator[None]:
    await socket.accept()
    ticker = asyncio.create_task(stream(socket))
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        await stop(ticker)


@websocket_listener("/ticks", connection_lifespan=streaming)
async def ticks(data: str) -> str:
    return data


app = Litestar([ticks])

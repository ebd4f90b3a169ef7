# `await task` raises the CancelledError that `cancel()` ordered, and nothing here
# catches it.

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect


async def stream(socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect, OSError):
        while True:
            await socket.send_text("tick")
            await asyncio.sleep(2)


@asynccontextmanager
async def lifespan(socket: WebSocket) -> AsyncIterator[None]:
    await socket.accept()
    task = asyncio.create_task(stream(socket))
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        task.cancel()
        await task  # <- here


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    return data


app = Litestar([echo])

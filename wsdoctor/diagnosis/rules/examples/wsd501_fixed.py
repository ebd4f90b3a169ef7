# `asyncio.wait` waits as well, but does not raise what the task ended with.
# (`done`: to cancel a task that has failed before would hide its error.)

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
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    return data


app = Litestar([echo])

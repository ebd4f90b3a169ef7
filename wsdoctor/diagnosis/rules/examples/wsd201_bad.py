# When the client leaves, `await task` waits for a stream that was never cancelled.
# Its next send raises WebSocketDisconnect, which leaves through this line.

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, WebSocket, websocket_listener


async def stream(socket: WebSocket) -> None:
    while True:
        await socket.send_text("tick")
        await asyncio.sleep(2)


@asynccontextmanager
async def lifespan(socket: WebSocket) -> AsyncIterator[None]:
    await socket.accept()
    task = asyncio.create_task(stream(socket))
    try:
        yield
    finally:
        await task  # <- here
        task.cancel()


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    return data


app = Litestar([echo])

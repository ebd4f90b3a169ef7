# The stream looks at the flag when its sleep is over. Until then the handler waits,
# for a client that has left.

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect


async def stream(socket: WebSocket, closed: asyncio.Event) -> None:
    with suppress(WebSocketDisconnect, OSError):
        while not closed.is_set():
            await socket.send_text("tick")
            await asyncio.sleep(15)


@asynccontextmanager
async def lifespan(socket: WebSocket) -> AsyncIterator[None]:
    await socket.accept()
    closed = asyncio.Event()
    task = asyncio.create_task(stream(socket, closed))
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        closed.set()
        await task  # <- here


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    return data


app = Litestar([echo])

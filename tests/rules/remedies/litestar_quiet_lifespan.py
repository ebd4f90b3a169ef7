"""The remedy of WSD201 for a lifespan that starts no task, in an application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect

seats: list[int] = []


@asynccontextmanager
async def seated(socket: WebSocket) -> AsyncIterator[None]:
    await socket.accept()
    seats.append(1)
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        seats.pop()


@websocket_listener("/seat", connection_lifespan=seated)
async def seat(data: str) -> str:
    return data


app = Litestar([seat])

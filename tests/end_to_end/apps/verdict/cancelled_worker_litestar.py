"""The same in a listener of Litestar's, and the owner retrieves the outcome without raising it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from litestar import Litestar, WebSocket, websocket_listener


async def ticks(socket: WebSocket) -> None:
    try:
        while True:
            await socket.send_text("tick")
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        await socket.send_text("complete")


@asynccontextmanager
async def forgetful(socket: WebSocket) -> AsyncIterator[None]:
    task = asyncio.create_task(ticks(socket))
    try:
        yield
    finally:
        task.cancel()
        await task  # <- WSD201 error


@asynccontextmanager
async def careful(socket: WebSocket) -> AsyncIterator[None]:
    task = asyncio.create_task(ticks(socket))
    with suppress(Exception):
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@websocket_listener("/bug", connection_lifespan=forgetful)
async def bug(data: str) -> str:
    return data


@websocket_listener("/ok", connection_lifespan=careful)
async def ok(data: str) -> str:
    return data


app = Litestar([bug, ok])

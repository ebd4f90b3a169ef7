"""A client that comes when the application has been running for a while meets another way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

history: list[str] = []


async def record() -> None:
    while True:
        await asyncio.sleep(0.5)
        history.append("entry")
        del history[:-3]


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    task = asyncio.create_task(record())
    yield
    task.cancel()


async def told(socket: WebSocket) -> None:
    for entry in history:
        await socket.send_text(entry)
        await asyncio.sleep(0.1)


async def bug(socket: WebSocket) -> None:
    await socket.accept()
    if history:
        try:
            await told(socket)
        finally:
            await socket.close()  # <- WSD101
        return
    with suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()


async def ok(socket: WebSocket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect):
        if history:
            await told(socket)
            await socket.close()
            return
        while True:
            await socket.receive_text()


app = Starlette(routes=[WebSocketRoute("/bug", bug), WebSocketRoute("/ok", ok)], lifespan=lifespan)

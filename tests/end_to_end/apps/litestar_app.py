"""The naive listener and its twin, as handlers of one application, and each by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect


async def stream(socket: WebSocket[Any, Any, Any]) -> None:
    with suppress(WebSocketDisconnect, OSError):
        while True:
            await socket.send_text("tick")
            await asyncio.sleep(1.5)


async def careless_stream(socket: WebSocket[Any, Any, Any]) -> None:
    while True:
        await socket.send_text("tick")
        await asyncio.sleep(1.5)


@asynccontextmanager
async def naive(socket: WebSocket[Any, Any, Any]) -> AsyncIterator[None]:
    await socket.accept()
    task = asyncio.create_task(careless_stream(socket))
    try:
        yield
    finally:
        await task  # <- WSD201
        task.cancel()


@asynccontextmanager
async def fixed(socket: WebSocket[Any, Any, Any]) -> AsyncIterator[None]:
    await socket.accept()
    task = asyncio.create_task(stream(socket))
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        task.cancel()
        await asyncio.wait([task])


@websocket_listener("/bug", connection_lifespan=naive)
async def bug(data: str) -> str:
    return data


@websocket_listener("/ok", connection_lifespan=fixed)
async def ok(data: str) -> str:
    return data


app = Litestar([bug, ok])

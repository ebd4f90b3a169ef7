"""Litestar: what a connection leaves unfinished when nobody holds it any more."""
# ruff: noqa: RUF006

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect

Socket = WebSocket[Any, Any, Any]

# --- a lifespan whose task waits for what only the connection could tell it


async def deliver(socket: Socket, inbox: asyncio.Queue[str]) -> None:
    with suppress(WebSocketDisconnect, OSError):
        while True:
            await socket.send_text(await inbox.get())


@asynccontextmanager
async def inbox_bug(socket: Socket) -> AsyncGenerator[None, None]:
    inbox: asyncio.Queue[str] = asyncio.Queue()
    await socket.accept()
    inbox.put_nowait("welcome")
    asyncio.create_task(deliver(socket, inbox))  # <- WSD303 inbox
    with suppress(WebSocketDisconnect):
        yield


@websocket_listener("/inbox-bug", connection_lifespan=inbox_bug)
async def inbox_bug_handler(data: str) -> None:
    pass


@asynccontextmanager
async def inbox_ok(socket: Socket) -> AsyncGenerator[None, None]:
    inbox: asyncio.Queue[str] = asyncio.Queue()
    await socket.accept()
    inbox.put_nowait("welcome")
    task = asyncio.create_task(deliver(socket, inbox))
    try:
        with suppress(WebSocketDisconnect):
            yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@websocket_listener("/inbox-ok", connection_lifespan=inbox_ok)
async def inbox_ok_handler(data: str) -> None:
    pass


app = Litestar(
    [
        inbox_bug_handler,
        inbox_ok_handler,
    ],
    openapi_config=None,
)

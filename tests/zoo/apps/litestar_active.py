"""Litestar: two windows of one user, and what closing the one does to the other."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

Socket = WebSocket[Any, Any, Any]

# --- the older window takes the newer one's entry with it; the twin's takes out its own alone

windows_bug: dict[str, Socket] = {}
windows_ok: dict[str, Socket] = {}


async def notify() -> None:
    while True:
        await asyncio.sleep(1)
        for window in [*windows_bug.values(), *windows_ok.values()]:
            with suppress(WebSocketDisconnect, OSError, RuntimeError, TimeoutError):
                await asyncio.wait_for(window.send_text("you have mail"), 0.5)


@asynccontextmanager
async def lifespan(_: Litestar) -> AsyncGenerator[None, None]:
    task = asyncio.create_task(notify())
    yield
    task.cancel()
    await asyncio.wait([task])


async def read(socket: Socket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()


@websocket("/mail-bug")
async def mail_bug(socket: Socket) -> None:
    await socket.accept()
    windows_bug["ann"] = socket
    await read(socket)
    windows_bug.pop("ann", None)  # <- WSD405 mail


@websocket("/mail-ok")
async def mail_ok(socket: Socket) -> None:
    await socket.accept()
    windows_ok["ann"] = socket
    await read(socket)
    if windows_ok.get("ann") is socket:
        del windows_ok["ann"]


app = Litestar([mail_bug, mail_ok], lifespan=[lifespan], openapi_config=None)

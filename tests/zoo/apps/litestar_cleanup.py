"""Litestar: what a clean-up leaves undone that is cancelled, or that not everybody comes to."""
# ruff: noqa: PLW0603

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import websocket_stream

Socket = WebSocket[Any, Any, Any]


async def announce(text: str) -> None:
    await asyncio.sleep(0.01, text)


# --- how many watch is told to a broker; the twin counts first, and keeps the cancellation from the rest

watching_bug = watching_ok = 0


@websocket_stream("/watchers-bug")
async def watchers_bug() -> AsyncGenerator[str, None]:
    global watching_bug
    watching_bug += 1
    try:
        while True:
            yield f"{watching_bug} watch"
            await asyncio.sleep(1)
    finally:
        await announce("one less")  # <- WSD206 watchers
        watching_bug -= 1


@websocket_stream("/watchers-ok")
async def watchers_ok() -> AsyncGenerator[str, None]:
    global watching_ok
    watching_ok += 1
    try:
        while True:
            yield f"{watching_ok} watch"
            await asyncio.sleep(1)
    finally:
        watching_ok -= 1
        await asyncio.shield(announce("one less"))


# --- how many are online, as an attribute; the bug's goes down only for those who say goodbye


class Online:
    bug = 0
    ok = 0


@websocket("/online-bug")
async def online_bug(socket: Socket) -> None:
    await socket.accept()
    Online.bug += 1  # <- WSD305 online
    with suppress(WebSocketDisconnect, OSError):
        while await socket.receive_text() != "bye":
            await socket.send_text(f"{Online.bug} are online")
        await socket.close()
        Online.bug -= 1


@websocket("/online-ok")
async def online_ok(socket: Socket) -> None:
    await socket.accept()
    Online.ok += 1
    with suppress(WebSocketDisconnect, OSError):
        while await socket.receive_text() != "bye":
            await socket.send_text(f"{Online.ok} are online")
        await socket.close()
    Online.ok -= 1


app = Litestar([watchers_bug, watchers_ok, online_bug, online_ok], openapi_config=None)

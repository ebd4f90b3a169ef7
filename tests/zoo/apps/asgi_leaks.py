"""ASGI without a framework: what a connection leaves unfinished, and what does not let itself be ended."""
# ruff: noqa: RUF006

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def opened(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})


async def gone(receive: Receive) -> None:
    """Read until the client has left."""
    while (await receive())["type"] != "websocket.disconnect":
        pass


# --- a task that waits to be let go


async def start_after(go: asyncio.Event, send: Send) -> None:
    await go.wait()
    with suppress(OSError):
        await send({"type": "websocket.send", "text": "go"})


async def latch_bug(scope: Message, receive: Receive, send: Send) -> None:
    go = asyncio.Event()
    await opened(receive, send)
    asyncio.create_task(start_after(go, send))  # <- WSD303 latch
    while (message := await receive())["type"] != "websocket.disconnect":
        if message.get("text") == "go":
            go.set()


async def latch_ok(scope: Message, receive: Receive, send: Send) -> None:
    """However the connection ends, the task is let go, and looks whether there is somebody left."""

    async def start() -> None:
        await go.wait()
        if there:
            with suppress(OSError):
                await send({"type": "websocket.send", "text": "go"})

    go = asyncio.Event()
    there = True
    await opened(receive, send)
    asyncio.create_task(start())
    try:
        while (message := await receive())["type"] != "websocket.disconnect":
            if message.get("text") == "go":
                go.set()
    finally:
        there = False
        go.set()


APPS = {
    "/latch-bug": latch_bug,
    "/latch-ok": latch_ok,
}


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await APPS[scope["path"]](scope, receive, send)

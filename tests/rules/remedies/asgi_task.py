"""The remedies of a task beside a handler without a framework, in an application (WSD204, WSD301)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

Message = dict[str, Any]


async def stream(send: Callable[[Message], Awaitable[None]]) -> None:
    with suppress(OSError):
        while True:
            await send({"type": "websocket.send", "text": "sunny"})
            await asyncio.sleep(60)


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    task = asyncio.create_task(stream(send))
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])

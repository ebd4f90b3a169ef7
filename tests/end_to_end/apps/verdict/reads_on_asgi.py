"""After a refused send the disconnect is still to be received: once, and not twice."""

import asyncio
from contextlib import suppress
from typing import Any


async def ticks(send: Any) -> None:
    while True:
        await send({"type": "websocket.send", "text": "tick"})
        await asyncio.sleep(0.05)


async def bug(receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    with suppress(OSError):
        await asyncio.gather(ticks(send))
    while (await receive())["type"] != "websocket.disconnect":
        pass
    with suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await receive()  # <- WSD104 warning


async def ok(receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    with suppress(OSError):
        await asyncio.gather(ticks(send))
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await {"/bug": bug, "/ok": ok}[scope["path"]](receive, send)

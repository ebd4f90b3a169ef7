"""An event that the reader sets after the disconnect wakes a task that sends."""

import asyncio
from typing import Any


async def listen(receive: Any, over: asyncio.Event) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass
    over.set()


async def bug(receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    over = asyncio.Event()
    reader = asyncio.create_task(listen(receive, over))
    await over.wait()
    await send({"type": "websocket.send", "text": "bye"})  # <- WSD102 error
    await reader


async def ok(receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    over = asyncio.Event()
    reader = asyncio.create_task(listen(receive, over))
    await over.wait()
    await reader


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await {"/bug": bug, "/ok": ok}[scope["path"]](receive, send)

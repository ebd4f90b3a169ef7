"""ASGI without a framework: tasks that take themselves out of a list when they are done."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def pump(send: Send) -> None:
    with suppress(OSError):
        while True:
            await send({"type": "websocket.send", "text": "tick"})
            await asyncio.sleep(1)


# --- the list is emptied before its tasks are done, and they are not in there any more


async def feed_bug(receive: Receive, send: Send) -> None:
    tasks: list[asyncio.Task[None]] = []

    def forget(task: asyncio.Task[None]) -> None:
        tasks.remove(task)  # <- WSD207 feed

    tasks.append(asyncio.create_task(pump(send)))
    tasks[0].add_done_callback(forget)
    while (await receive())["type"] != "websocket.disconnect":
        pass
    ending = tasks[:]
    tasks.clear()
    for task in ending:
        task.cancel()
    await asyncio.wait(ending)


async def feed_ok(receive: Receive, send: Send) -> None:
    tasks: set[asyncio.Task[None]] = set()
    task = asyncio.create_task(pump(send))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    while (await receive())["type"] != "websocket.disconnect":
        pass
    for each in tasks:
        each.cancel()
    await asyncio.wait([task])


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await (feed_bug if scope["path"] == "/feed-bug" else feed_ok)(receive, send)

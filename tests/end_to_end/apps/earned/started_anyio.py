"""ASGI handlers that start tasks of a task group by a message: which ends with the connection, and which does not."""

import asyncio
import functools
import json
from contextlib import suppress

import anyio


class Peer:
    def __init__(self, receive, send) -> None:
        self.receive, self.send = receive, send

    async def run(self, group, start) -> None:
        await self.receive()
        await self.send({"type": "websocket.accept"})
        while (event := await self.receive())["type"] == "websocket.receive":
            data = json.loads(event["text"])
            handle = getattr(self, f"on_{data['op']}", None)
            if handle is not None:
                with suppress(OSError):  # the client may be gone
                    await handle(group, start)
        group.cancel_scope.cancel()

    async def on_say(self, group, start) -> None:
        await self.send({"type": "websocket.send", "text": "said"})

    async def on_join(self, group, start) -> None:
        start(functools.partial(self.tick, 3600))
        await self.send({"type": "websocket.send", "text": "joined"})

    async def on_leave(self, group, start) -> None:
        await self.send({"type": "websocket.send", "text": "left"})

    async def on_quiet(self, group, start) -> None:
        await asyncio.sleep(0)  # <- not reached

    async def tick(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)


tasks: set[asyncio.Task[None]] = set()


def left_behind(function) -> None:
    task = asyncio.create_task(function())  # <- WSD301
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def app(scope, receive, send) -> None:
    if scope["type"] != "websocket":
        return
    async with anyio.create_task_group() as group:
        start = left_behind if scope["path"] == "/bug" else group.start_soon
        await Peer(receive, send).run(group, start)

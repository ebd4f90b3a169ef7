"""A room in Quart: each client has a queue, and a task that empties it, which ends with the handler."""

import asyncio
from collections import defaultdict
from contextlib import suppress

from quart import Quart, websocket

app = Quart(__name__)
queues: set[asyncio.Queue[str]] = set()
active: dict[str, asyncio.Queue[str]] = {}
connections: defaultdict[str, set[asyncio.Queue[str]]] = defaultdict(set)
names: dict[asyncio.Queue[str], str] = {}


def publish(text: str) -> None:
    for queue in queues:
        with suppress(asyncio.QueueFull):
            queue.put_nowait(text)


async def empty(queue: asyncio.Queue[str]) -> None:
    with suppress(OSError):
        while True:
            await websocket.send(await queue.get())


@app.websocket("/room")
async def room() -> None:
    await websocket.accept()
    queue: asyncio.Queue[str] = asyncio.Queue(10)
    queues.add(queue)
    try:
        await talk(queue)
    finally:
        queues.discard(queue)


async def talk(queue: asyncio.Queue[str]) -> None:
    task = asyncio.create_task(empty(queue))
    try:
        while True:
            publish(str(await websocket.receive()))
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


@app.websocket("/hall")
async def hall() -> None:
    await websocket.accept()
    queue: asyncio.Queue[str] = asyncio.Queue(10)
    queues.add(queue)
    try:
        while True:
            publish(str(await websocket.receive()))
    finally:
        queues.discard(queue)
        publish("a member left")


@app.websocket("/home")
async def home() -> None:
    await websocket.accept()
    user = websocket.args.get("user", "ann")
    queue: asyncio.Queue[str] = asyncio.Queue(10)
    active[user] = queue
    try:
        await named(user, queue)
    finally:
        if active.get(user) is queue:
            del active[user]


async def named(user: str, queue: asyncio.Queue[str]) -> None:
    names[queue] = user
    try:
        while True:
            await websocket.receive()
    finally:
        names.pop(queue, None)


@app.websocket("/devices")
async def devices() -> None:
    await websocket.accept()
    user = websocket.args.get("user", "ann")
    queue: asyncio.Queue[str] = asyncio.Queue(10)
    connections[user].add(queue)
    try:
        while True:
            await websocket.receive()
    finally:
        connections[user].discard(queue)
        if not connections[user]:
            del connections[user]

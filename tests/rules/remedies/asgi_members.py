"""The members of a room without a framework: each one leaves the room with its connection."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]

clients: set[Send] = set()
connections: defaultdict[str, set[Send]] = defaultdict(set)
names: dict[Send, str] = {}


async def publish(text: str) -> None:
    for send in list(clients):
        try:
            async with asyncio.timeout(1):
                await send({"type": "websocket.send", "text": text})
        except (TimeoutError, OSError):
            clients.discard(send)


async def tell_everybody(text: str) -> None:
    await publish(text)


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    with suppress(OSError):
        await send({"type": "websocket.accept"})
        if scope["path"] == "/":
            await room(receive, send)
        else:
            await home(scope["path"], receive, send)


async def room(receive: Receive, send: Send) -> None:
    clients.add(send)
    try:
        await talk(receive, send)
    finally:
        clients.discard(send)


async def talk(receive: Receive, send: Send) -> None:
    try:
        while (await receive())["type"] != "websocket.disconnect":
            await publish("somebody said something")
    finally:
        clients.discard(send)
        await tell_everybody("a member left")


async def home(user: str, receive: Receive, send: Send) -> None:
    connections[user].add(send)
    try:
        await named(user, receive, send)
    finally:
        connections[user].discard(send)
        if not connections[user]:
            del connections[user]


async def named(user: str, receive: Receive, send: Send) -> None:
    try:
        while (await receive())["type"] != "websocket.disconnect":
            names[send] = user
    finally:
        names.pop(send, None)

"""Consumers of Channels that others know: what `connect` puts in, `disconnect` takes out."""

import asyncio
from collections import defaultdict
from contextlib import suppress
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer  # type: ignore[import-untyped]
from channels.routing import ProtocolTypeRouter, URLRouter  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]

if not settings.configured:
    settings.configure()

from django.urls import path  # type: ignore[import-untyped]

members: set[AsyncWebsocketConsumer] = set()
active: dict[str, AsyncWebsocketConsumer] = {}
connections: defaultdict[str, set[AsyncWebsocketConsumer]] = defaultdict(set)
names: dict[AsyncWebsocketConsumer, str] = {}
user = "ann"


async def tell_everybody(text: str) -> None:
    for member in list(members):
        with suppress(OSError, RuntimeError):  # that one has left, too
            await member.send(text_data=text)


class Ticker(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        self.task = asyncio.create_task(self.tick())

    async def tick(self) -> None:
        with suppress(OSError):
            while True:
                await self.send(text_data="tick")
                await asyncio.sleep(5)

    async def disconnect(self, code: int) -> None:
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait([self.task])


class Member(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        members.add(self)

    async def disconnect(self, code: int) -> None:
        members.discard(self)


class Speaker(Member):
    async def disconnect(self, code: int) -> None:
        members.discard(self)
        await tell_everybody("a member left")


class Named(AsyncWebsocketConsumer):
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        names[self] = text_data or ""

    async def disconnect(self, code: int) -> None:
        names.pop(self, None)


class Home(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        active[user] = self

    async def disconnect(self, code: int) -> None:
        if active.get(user) is self:
            del active[user]


class Devices(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        connections[user].add(self)

    async def disconnect(self, code: int) -> None:
        connections[user].discard(self)
        if not connections[user]:
            del connections[user]


ROUTES: dict[str, Any] = {
    "ticker": Ticker,
    "member": Member,
    "speaker": Speaker,
    "named": Named,
    "home": Home,
    "devices": Devices,
}
app = ProtocolTypeRouter(
    {"websocket": URLRouter([path(name, of.as_asgi()) for name, of in ROUTES.items()])}
)

"""Django Channels: consumers that are told of everything by methods, and groups in memory."""

import asyncio
import contextlib

import django
from django.conf import settings

settings.configure(
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
    DATABASES={},
    SECRET_KEY="zoo",
)
django.setup()

from asgiref.sync import async_to_sync
from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from channels.generic.websocket import (
    AsyncJsonWebsocketConsumer,
    AsyncWebsocketConsumer,
    JsonWebsocketConsumer,
    WebsocketConsumer,
)
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path

# --- a ticker that is started with the connection, and not ended with it


class TickerBug(AsyncWebsocketConsumer):
    async def connect(self):
        await self.accept()
        self.ticker = asyncio.create_task(self.tick())  # <- WSD301 ticker

    async def tick(self):
        while True:
            with contextlib.suppress(Exception):
                await self.send(text_data="tick")
            await asyncio.sleep(5)


class TickerOk(TickerBug):
    async def connect(self):
        await self.accept()
        self.ticker = asyncio.create_task(self.tick())

    async def disconnect(self, code):
        self.ticker.cancel()


# --- answers the disconnect itself, and does not end the consumer


class StopBug(AsyncConsumer):
    async def websocket_connect(self, event):
        await self.send({"type": "websocket.accept"})

    async def websocket_receive(self, event):
        await self.send({"type": "websocket.send", "text": event["text"]})

    async def websocket_disconnect(self, event):  # <- WSD402 stop
        self.gone = True


class StopOk(StopBug):
    async def websocket_disconnect(self, event):
        self.gone = True
        raise StopConsumer


# --- closes what is closed


class CloserBug(AsyncWebsocketConsumer):
    async def disconnect(self, code):
        await self.close()  # <- WSD101 closer


class CloserOk(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        if text_data == "bye":
            await self.close()


# --- a farewell to oneself


class FarewellBug(AsyncJsonWebsocketConsumer):
    async def receive_json(self, content, **kwargs):
        await self.send_json({"echo": content})

    async def disconnect(self, code):
        await self.send_json({"event": "left", "code": code})  # <- WSD102 farewell


class FarewellOk(FarewellBug):
    groups = ["lobby"]

    async def disconnect(self, code):
        await self.channel_layer.group_send("lobby", {"type": "left", "code": code})

    async def left(self, event):
        await self.send_json({"event": "left", "code": event["code"]})


# --- works on one message for long, and hears of nothing meanwhile


class LongBug(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        for _ in range(15):
            await asyncio.sleep(1)  # <- WSD401 long
        await asyncio.sleep(0)


class LongOk(AsyncWebsocketConsumer):
    work = None

    async def receive(self, text_data=None, bytes_data=None):
        if self.work is not None:
            self.work.cancel()
        self.work = asyncio.create_task(asyncio.sleep(15))

    async def disconnect(self, code):
        if self.work is not None:
            self.work.cancel()


# --- leaves a room that it has not entered yet


class RoomBug(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        self.room = f"room-{text_data or 'x'}"
        await self.channel_layer.group_add("room", self.channel_name)

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.room, self.channel_name)  # <- WSD203 room


class RoomOk(RoomBug):
    room = None

    async def receive(self, text_data=None, bytes_data=None):
        self.room = "room-ok"
        await self.channel_layer.group_add(self.room, self.channel_name)

    async def disconnect(self, code):
        if self.room is not None:
            await self.channel_layer.group_discard(self.room, self.channel_name)


# --- awaits what it has cancelled


class StreamBug(AsyncWebsocketConsumer):
    async def connect(self):
        await self.accept()
        self.stream = asyncio.create_task(self.numbers())

    async def numbers(self):
        for number in range(1_000_000):
            await self.send(text_data=str(number))
            await asyncio.sleep(0.5)

    async def disconnect(self, code):
        self.stream.cancel()
        await self.stream  # <- WSD501 numbers


class StreamOk(StreamBug):
    async def disconnect(self, code):
        self.stream.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError, RuntimeError):
            await self.stream


# --- a stranger is turned away, and let in


class StrangerBug(AsyncWebsocketConsumer):
    async def connect(self):
        if b"authorization" not in dict(self.scope["headers"]):
            await self.close(code=4003)
        await self.accept()  # <- WSD103 stranger


class StrangerOk(AsyncWebsocketConsumer):
    async def connect(self):
        if b"authorization" not in dict(self.scope["headers"]):
            await self.close(code=4003)
        else:
            await self.accept()


# --- threads: the consumer that closes what is closed


class SyncCloserBug(WebsocketConsumer):
    def receive(self, text_data=None, bytes_data=None):
        self.send(text_data="thanks")

    def disconnect(self, code):
        self.close()  # <- WSD101 sync-closer


class SyncCloserOk(WebsocketConsumer):
    def receive(self, text_data=None, bytes_data=None):
        self.send(text_data="thanks", close=text_data == "bye")


# --- threads: a command without its operand


class SyncOrderBug(JsonWebsocketConsumer):
    def receive_json(self, content, **kwargs):
        self.send_json({"double": 2 * content["number"]})  # <- WSD602 sync-order


class SyncOrderOk(JsonWebsocketConsumer):
    def receive_json(self, content, **kwargs):
        if "number" in content:
            self.send_json({"double": 2 * content["number"]})
        else:
            self.send_json({"error": "which number?"})


# --- threads: tells the group of one's own leaving, and then oneself


class SyncGroupBug(WebsocketConsumer):
    def connect(self):
        async_to_sync(self.channel_layer.group_add)("sync", self.channel_name)
        self.accept()

    def line(self, event):
        self.send(text_data=event["text"])  # <- WSD102 sync-group

    def disconnect(self, code):
        async_to_sync(self.channel_layer.group_discard)("sync", self.channel_name)
        self.line({"text": "you have left"})


class SyncGroupOk(SyncGroupBug):
    def line(self, event):
        self.send(text_data=event["text"])

    def disconnect(self, code):
        async_to_sync(self.channel_layer.group_discard)("sync", self.channel_name)
        async_to_sync(self.channel_layer.group_send)("sync", {"type": "line", "text": "one left"})


CONSUMERS = {
    "ticker": (TickerBug, TickerOk),
    "stop": (StopBug, StopOk),
    "closer": (CloserBug, CloserOk),
    "farewell": (FarewellBug, FarewellOk),
    "long": (LongBug, LongOk),
    "room": (RoomBug, RoomOk),
    "numbers": (StreamBug, StreamOk),
    "stranger": (StrangerBug, StrangerOk),
    "sync-closer": (SyncCloserBug, SyncCloserOk),
    "sync-order": (SyncOrderBug, SyncOrderOk),
    "sync-group": (SyncGroupBug, SyncGroupOk),
}

app = ProtocolTypeRouter(
    {
        "websocket": URLRouter(
            [
                path(f"{name}-{which}", consumer.as_asgi())
                for name, pair in CONSUMERS.items()
                for which, consumer in zip(("bug", "ok"), pair)
            ]
        )
    }
)

"""Litestar applications that send to many: a set of sockets, and the channels plug-in."""

import asyncio
from contextlib import suppress
from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.channels import ChannelsPlugin
from litestar.channels.backends.memory import MemoryChannelsBackend
from litestar.exceptions import WebSocketDisconnect

Socket = WebSocket[Any, Any, Any]

# --- a room: who has left is told of it, too


class Room:
    def __init__(self) -> None:
        self.members: set[Socket] = set()  # <- WSD305 room

    async def tell(self, text: str) -> None:
        for member in list(self.members):
            await member.send_text(text)  # <- WSD201 room


class QuietRoom(Room):
    async def tell(self, text: str) -> None:
        for member in list(self.members):
            with suppress(WebSocketDisconnect, OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await member.send_text(text)


room, quiet_room = Room(), QuietRoom()


@websocket("/room-bug")
async def room_bug(socket: Socket) -> None:
    await socket.accept()
    room.members.add(socket)
    with suppress(OSError):
        async for text in socket.iter_data("text"):
            await room.tell(text)
    await room.tell("somebody left")
    room.members.discard(socket)


@websocket("/room-ok")
async def room_ok(socket: Socket) -> None:
    await socket.accept()
    quiet_room.members.add(socket)
    try:
        async for text in socket.iter_data("text"):
            await quiet_room.tell(text)
    finally:
        quiet_room.members.discard(socket)
    await quiet_room.tell("somebody left")


# --- a channel: nobody listens for the end


@websocket("/channel-bug")
async def channel_bug(socket: Socket, channels: ChannelsPlugin) -> None:
    await socket.accept()
    channels.publish("first", "news")
    async with channels.start_subscription("news", history=1) as subscriber:
        async for event in subscriber.iter_events():  # <- WSD204 channel
            await socket.send_text(event)


@websocket("/channel-ok")
async def channel_ok(socket: Socket, channels: ChannelsPlugin) -> None:
    async def pass_on(event: bytes) -> None:
        """Not `socket.send_text` itself: if it raises, `run_in_background` waits for ever."""
        with suppress(Exception):
            await socket.send_text(event)

    await socket.accept()
    channels.publish("first", "news")
    async with (
        channels.start_subscription("news", history=1) as subscriber,
        subscriber.run_in_background(pass_on),
    ):
        async for _ in socket.iter_data("text"):
            pass


app = Litestar(
    [room_bug, room_ok, channel_bug, channel_ok],
    plugins=[ChannelsPlugin(MemoryChannelsBackend(history=5), channels=["news"])],
    openapi_config=None,
)

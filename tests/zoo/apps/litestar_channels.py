"""Litestar's Channels plug-in: subscribers, and what iterates over them."""

import asyncio
import contextlib

from litestar import Litestar, WebSocket, websocket
from litestar.channels import ChannelsPlugin
from litestar.channels.backends.memory import MemoryChannelsBackend
from litestar.exceptions import WebSocketDisconnect

# --- sends in the background, and reads what ends it once too often


@websocket("/board-bug")
async def board_bug(socket: WebSocket, channels: ChannelsPlugin) -> None:
    async def post(event: bytes) -> None:
        with contextlib.suppress(WebSocketDisconnect, OSError):
            await socket.send_text(event.decode())

    await socket.accept()
    async with channels.start_subscription("board") as subscriber:
        async with subscriber.run_in_background(post):
            while True:
                message = await socket.receive()  # <- WSD104 board
                if message.get("text") == "quit":
                    break


@websocket("/board-ok")
async def board_ok(socket: WebSocket, channels: ChannelsPlugin) -> None:
    async def post(event: bytes) -> None:
        with contextlib.suppress(WebSocketDisconnect, OSError):
            await socket.send_text(event.decode())

    await socket.accept()
    async with channels.start_subscription("board") as subscriber:
        async with subscriber.run_in_background(post):
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect" or message.get("text") == "quit":
                    break


# --- reads what its client says, and lets the end through


@websocket("/room-bug")
async def room_bug(socket: WebSocket, channels: ChannelsPlugin) -> None:
    await socket.accept()
    async with (
        channels.start_subscription("room") as subscriber,
        subscriber.run_in_background(socket.send_text),
    ):
        while True:
            channels.publish(await socket.receive_text(), "room")  # <- WSD201 room


@websocket("/room-ok")
async def room_ok(socket: WebSocket, channels: ChannelsPlugin) -> None:
    async def post(event: bytes) -> None:
        with contextlib.suppress(WebSocketDisconnect, OSError):
            await socket.send_text(event)

    await socket.accept()
    async with (
        channels.start_subscription("room") as subscriber,
        subscriber.run_in_background(post),
    ):
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                channels.publish(await socket.receive_text(), "room")


# --- a task that iterates, beside a loop that reads


async def relay(socket: WebSocket, subscriber) -> None:
    async for event in subscriber.iter_events():
        await socket.send_text(event)


@websocket("/relay-bug")
async def relay_bug(socket: WebSocket, channels: ChannelsPlugin) -> None:
    await socket.accept()
    subscriber = await channels.subscribe("news")  # <- WSD309 relay
    relaying = asyncio.create_task(relay(socket, subscriber))  # <- WSD301 relay
    async for _ in socket.iter_data("text"):
        pass
    del relaying


@websocket("/relay-ok")
async def relay_ok(socket: WebSocket, channels: ChannelsPlugin) -> None:
    await socket.accept()
    subscriber = await channels.subscribe("news")
    relaying = asyncio.create_task(relay(socket, subscriber))
    try:
        async for _ in socket.iter_data("text"):
            pass
    finally:
        await channels.unsubscribe(subscriber)
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)


# --- subscribes, waits for one event, and never looks whether its client is there


@websocket("/next-bug")
async def next_bug(socket: WebSocket, channels: ChannelsPlugin) -> None:
    await socket.accept()
    async with channels.start_subscription("drawn") as subscriber:
        async with contextlib.aclosing(subscriber.iter_events()) as events:
            await socket.send_text(await anext(events))  # <- WSD204 next


@websocket("/next-ok")
async def next_ok(socket: WebSocket, channels: ChannelsPlugin) -> None:
    async def wait_for_it() -> None:
        async with channels.start_subscription("drawn") as subscriber:
            async with contextlib.aclosing(subscriber.iter_events()) as events:
                with contextlib.suppress(WebSocketDisconnect, OSError):
                    await socket.send_text(await anext(events))

    await socket.accept()
    waiting = asyncio.create_task(wait_for_it())
    async for _ in socket.iter_data("text"):
        pass
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


# --- a task group: the subscriber is not told


@websocket("/pair-bug")
async def pair_bug(socket: WebSocket, channels: ChannelsPlugin) -> None:
    async def read() -> None:
        async for _ in socket.iter_data("text"):
            pass

    await socket.accept()
    async with channels.start_subscription("pair") as subscriber:
        async with asyncio.TaskGroup() as tasks:  # <- WSD402 pair
            tasks.create_task(relay(socket, subscriber))
            tasks.create_task(read())


@websocket("/pair-ok")
async def pair_ok(socket: WebSocket, channels: ChannelsPlugin) -> None:
    await socket.accept()
    async with channels.start_subscription("pair") as subscriber:
        async with asyncio.TaskGroup() as tasks:
            relaying = tasks.create_task(relay(socket, subscriber))
            async for _ in socket.iter_data("text"):
                pass
            relaying.cancel()


app = Litestar(
    [
        board_bug,
        board_ok,
        room_bug,
        room_ok,
        relay_bug,
        relay_ok,
        next_bug,
        next_ok,
        pair_bug,
        pair_ok,
    ],
    plugins=[ChannelsPlugin(MemoryChannelsBackend(), arbitrary_channels_allowed=True)],
    openapi_config=None,
)

"""Litestar: a room under a lock, and a wall that anyio's streams bring to its clients."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

Socket = WebSocket[Any, Any, Any]


async def listen(socket: Socket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await socket.receive_data("text")


# --- a lock that is held while a client is waited for


class Room:
    def __init__(self) -> None:
        self.members: list[Socket] = []
        self.lock = asyncio.Lock()

    async def tell(self, text: str) -> None:
        async with self.lock:
            for member in self.members:
                with suppress(WebSocketDisconnect, OSError):
                    await member.send_text(text)  # <- WSD405 lounge


class QuickRoom(Room):
    async def tell(self, text: str) -> None:
        async with self.lock:
            members = list(self.members)
        async with asyncio.TaskGroup() as group:
            for member in members:
                group.create_task(self.send(member, text))

    async def send(self, member: Socket, text: str) -> None:
        with suppress(TimeoutError, WebSocketDisconnect, OSError):
            async with asyncio.timeout(1):
                await member.send_text(text)


lounge, quick_lounge = Room(), QuickRoom()


@websocket("/lounge-bug")
async def lounge_bug(socket: Socket) -> None:
    await socket.accept()
    lounge.members.append(socket)
    try:
        await listen(socket)
    finally:
        lounge.members.remove(socket)


@websocket("/lounge-ok")
async def lounge_ok(socket: Socket) -> None:
    await socket.accept()
    quick_lounge.members.append(socket)
    try:
        await listen(socket)
    finally:
        quick_lounge.members.remove(socket)


# --- anyio's streams, one for each client: the writer waits for the slowest, or does not wait

walls: list[MemoryObjectSendStream[str]] = []
free_walls: list[MemoryObjectSendStream[str]] = []


async def wall_bug_writer() -> None:
    while True:
        await anyio.sleep(0.5)
        for stream in list(walls):
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await stream.send("post")  # <- WSD405 wall


async def wall_ok_writer() -> None:
    while True:
        await anyio.sleep(0.5)
        for stream in list(free_walls):
            with suppress(anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
                stream.send_nowait("post")


async def show(socket: Socket, streams: list[MemoryObjectSendStream[str]]) -> None:
    await socket.accept()
    send, receive = anyio.create_memory_object_stream[str](2)

    async def pass_on() -> None:
        with suppress(WebSocketDisconnect, OSError):
            async for text in receive:
                await socket.send_text(text)

    streams.append(send)
    async with anyio.create_task_group() as group:
        group.start_soon(pass_on)
        try:
            await listen(socket)
        finally:
            streams.remove(send)
            group.cancel_scope.cancel()
    send.close()
    receive.close()


@websocket("/wall-bug")
async def wall_bug(socket: Socket) -> None:
    await show(socket, walls)


@websocket("/wall-ok")
async def wall_ok(socket: Socket) -> None:
    await show(socket, free_walls)


async def write_in(room: Room) -> None:
    while True:
        await asyncio.sleep(1)
        await room.tell("hello")


@asynccontextmanager
async def lifespan(_: Litestar) -> AsyncIterator[None]:
    writers = (write_in(lounge), write_in(quick_lounge), wall_bug_writer(), wall_ok_writer())
    tasks = [asyncio.create_task(writer) for writer in writers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


app = Litestar([lounge_bug, lounge_ok, wall_bug, wall_ok], lifespan=[lifespan], openapi_config=None)

"""Starlette: what a connection leaves unfinished when nobody holds it any more."""
# ruff: noqa: RUF006

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

# --- a task that waits on an anyio stream of the connection's own


async def relay(websocket: WebSocket, moves: MemoryObjectReceiveStream[str]) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await moves.receive())


async def moves_bug(websocket: WebSocket) -> None:
    sender, receiver = anyio.create_memory_object_stream[str](8)
    await websocket.accept()
    asyncio.create_task(relay(websocket, receiver.clone()))  # <- WSD303 moves
    async for text in websocket.iter_text():
        await sender.send(text)
    receiver.close()


async def moves_ok(websocket: WebSocket) -> None:
    """It holds nobody but the task of the group, which is cancelled with it."""
    sender, receiver = anyio.create_memory_object_stream[str](8)

    async def relay_to_the_end() -> None:
        async with receiver:  # so that whoever sends into it learns that nobody takes it out
            await relay(websocket, receiver)

    async with sender, anyio.create_task_group() as tasks:
        await websocket.accept()
        tasks.start_soon(relay_to_the_end)
        while (await websocket.receive())["type"] != "websocket.disconnect":
            with suppress(anyio.BrokenResourceError):
                await sender.send("e4")
        tasks.cancel_scope.cancel()


# --- the rest of the pages is left where it is


class Library:
    def __init__(self) -> None:
        self.lent: set[str] = set()

    async def pages(self, title: str) -> AsyncGenerator[str, None]:
        self.lent.add(title)
        try:
            for number in range(1, 100):
                yield f"{title}, page {number}"
                await asyncio.sleep(0.3)
        finally:
            self.lent.discard(title)


library = Library()


async def pages_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        async for title in websocket.iter_text():
            async for page in library.pages(title):  # <- WSD304 pages
                await websocket.send_text(page)
                if page.endswith("3"):
                    break


async def pages_ok(websocket: WebSocket) -> None:
    """What it reads from the client is an async generator, too, which owes nobody anything."""
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        async for title in websocket.iter_text():
            async with aclosing(library.pages(title)) as pages:
                async for page in pages:
                    await websocket.send_text(page)
                    if page.endswith("3"):
                        break
            if title == "enough":
                break


# --- an exit stack for all that the connection borrows, and nobody closes it


seats = itertools.count(1)


@asynccontextmanager
async def seat_in(room: str) -> AsyncGenerator[str, None]:
    seat = f"{room}, seat {next(seats)}"
    library.lent.add(seat)
    try:
        yield room
    finally:
        await asyncio.sleep(0)
        library.lent.discard(seat)


async def reader_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    borrowed = AsyncExitStack()
    room = await borrowed.enter_async_context(seat_in("north"))  # <- WSD304 reader
    with suppress(WebSocketDisconnect):
        await websocket.send_text(room)
        async for _ in websocket.iter_text():
            pass


async def reader_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    borrowed = AsyncExitStack()
    try:
        room = await borrowed.enter_async_context(seat_in("south"))
        with suppress(WebSocketDisconnect):
            await websocket.send_text(room)
            async for _ in websocket.iter_text():
                pass
    finally:
        await borrowed.aclose()


# --- a timer whose function sets the next one


class Idle:
    """Counts the minutes for which a client has said nothing."""

    def __init__(self) -> None:
        self.minutes = 0
        self.start()

    def start(self) -> None:
        self.timer = asyncio.get_running_loop().call_later(60, self.tick)  # <- WSD305 idle

    def tick(self) -> None:
        self.minutes += 1
        self.start()

    def reset(self) -> str:
        said, self.minutes = f"idle for {self.minutes} minutes", 0
        return said


async def idle_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    idle = Idle()
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()
            await websocket.send_text(idle.reset())
        idle.timer.cancel()


async def idle_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    idle = Idle()
    try:
        with suppress(WebSocketDisconnect):
            while True:
                await websocket.receive_text()
                await websocket.send_text(idle.reset())
    finally:
        idle.timer.cancel()


app = Starlette(
    routes=[
        WebSocketRoute("/idle-bug", idle_bug),
        WebSocketRoute("/idle-ok", idle_ok),
        WebSocketRoute("/moves-bug", moves_bug),
        WebSocketRoute("/moves-ok", moves_ok),
        WebSocketRoute("/pages-bug", pages_bug),
        WebSocketRoute("/pages-ok", pages_ok),
        WebSocketRoute("/reader-bug", reader_bug),
        WebSocketRoute("/reader-ok", reader_ok),
    ]
)

"""Litestar: what a connection leaves unfinished when nobody holds it any more."""
# ruff: noqa: RUF006

import itertools
import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from litestar import Litestar, WebSocket, websocket, websocket_listener, websocket_stream
from litestar.di import Provide
from litestar.exceptions import WebSocketDisconnect

Socket = WebSocket[Any, Any, Any]

# --- a lifespan whose task waits for what only the connection could tell it


async def deliver(socket: Socket, inbox: asyncio.Queue[str]) -> None:
    with suppress(WebSocketDisconnect, OSError):
        while True:
            await socket.send_text(await inbox.get())


@asynccontextmanager
async def inbox_bug(socket: Socket) -> AsyncGenerator[None, None]:
    inbox: asyncio.Queue[str] = asyncio.Queue()
    await socket.accept()
    inbox.put_nowait("welcome")
    asyncio.create_task(deliver(socket, inbox))  # <- WSD303 inbox
    with suppress(WebSocketDisconnect):
        yield


@websocket_listener("/inbox-bug", connection_lifespan=inbox_bug)
async def inbox_bug_handler(data: str) -> None:
    pass


@asynccontextmanager
async def inbox_ok(socket: Socket) -> AsyncGenerator[None, None]:
    inbox: asyncio.Queue[str] = asyncio.Queue()
    await socket.accept()
    inbox.put_nowait("welcome")
    task = asyncio.create_task(deliver(socket, inbox))
    try:
        with suppress(WebSocketDisconnect):
            yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@websocket_listener("/inbox-ok", connection_lifespan=inbox_ok)
async def inbox_ok_handler(data: str) -> None:
    pass


# --- a task that is cancelled in the body of its loop


class Exchange:
    def __init__(self) -> None:
        self.subscribers: set[object] = set()

    async def prices(self) -> AsyncGenerator[str, None]:
        place = object()
        self.subscribers.add(place)
        try:
            while True:
                yield "42.00"
        finally:
            self.subscribers.discard(place)


exchange = Exchange()


async def quote_bug(socket: Socket) -> None:
    with suppress(WebSocketDisconnect, OSError):
        async for price in exchange.prices():  # <- WSD304 quotes
            await socket.send_text(price)
            await asyncio.sleep(0.3)


@websocket("/quotes-bug")
async def quotes_bug(socket: Socket) -> None:
    await socket.accept()
    task = asyncio.create_task(quote_bug(socket))
    async for _ in socket.iter_data("text"):
        pass
    task.cancel()
    await asyncio.wait([task])


async def quote_ok(socket: Socket) -> None:
    with suppress(WebSocketDisconnect, OSError):
        async with aclosing(exchange.prices()) as prices:
            async for price in prices:
                await socket.send_text(price)
                await asyncio.sleep(0.3)


@websocket("/quotes-ok")
async def quotes_ok(socket: Socket) -> None:
    await socket.accept()
    task = asyncio.create_task(quote_ok(socket))
    async for _ in socket.iter_data("text"):
        pass
    task.cancel()
    await asyncio.wait([task])


# --- the framework iterates: the user's generator waits, and gets the cancellation


@asynccontextmanager
async def subscribed() -> AsyncGenerator[asyncio.Queue[str], None]:
    queue: asyncio.Queue[str] = asyncio.Queue()
    try:
        yield queue
    finally:
        queue.put_nowait("over")


async def rate(queue: asyncio.Queue[str]) -> AsyncGenerator[str, None]:
    try:
        while True:
            yield "1.08"
            await asyncio.sleep(0.3)
    finally:
        await queue.put("over")


@websocket_stream("/rates-bug")
async def rates_bug() -> AsyncGenerator[str, None]:
    async with subscribed() as queue:
        async for value in rate(queue):  # <- WSD304 rates
            if value == "1.09":
                break
            await asyncio.sleep(0.3)
            yield value


@websocket_stream("/rates-ok")
async def rates_ok() -> AsyncGenerator[str, None]:
    async with subscribed() as queue, aclosing(rate(queue)) as rates:
        async for value in rates:
            if value == "1.09":
                break
            await asyncio.sleep(0.3)
            yield value


# --- a dependency that is given back when all went well

desks: set[int] = set()
numbers = itertools.count(1)


async def desk_bug() -> AsyncGenerator[str, None]:
    number = next(numbers)
    desks.add(number)
    yield "bug"  # <- WSD205 desk
    await asyncio.sleep(0)
    desks.discard(number)


@websocket("/desk-bug", dependencies={"desk": Provide(desk_bug)})
async def desk_bug_handler(socket: Socket, desk: str) -> None:
    await socket.accept()
    async for _ in socket.iter_data("text"):
        await socket.send_text(desk)


async def counted() -> AsyncGenerator[None, None]:
    """There is nothing to lose after this one."""
    yield None


async def desk_ok() -> AsyncGenerator[str, None]:
    number = next(numbers)
    desks.add(number)
    try:
        yield "ok"
    finally:
        await asyncio.sleep(0)
        desks.discard(number)


@websocket("/desk-ok", dependencies={"desk": Provide(desk_ok), "count": Provide(counted)})
async def desk_ok_handler(socket: Socket, desk: str, count: None) -> None:
    await socket.accept()
    async for _ in socket.iter_data("text"):
        await socket.send_text(desk)


# --- a task that suppresses what its lifespan sends it


async def refresh_bug() -> None:
    while True:
        with suppress(asyncio.CancelledError):  # <- WSD502 refresh
            await asyncio.sleep(0.2)


@asynccontextmanager
async def refreshed_bug(socket: Socket) -> AsyncGenerator[None, None]:
    await socket.accept()
    task = asyncio.create_task(refresh_bug())
    try:
        with suppress(WebSocketDisconnect):
            yield
    finally:
        task.cancel()


@websocket_listener("/refresh-bug", connection_lifespan=refreshed_bug)
async def refresh_bug_handler(data: str) -> None:
    pass


async def refresh_ok() -> None:
    """It waits for a task that it has cancelled, and hides neither CancelledError."""
    while True:
        asking = asyncio.create_task(asyncio.sleep(60))
        try:
            await asyncio.sleep(0.2)
        finally:
            asking.cancel()
            await asyncio.wait([asking])


@asynccontextmanager
async def refreshed_ok(socket: Socket) -> AsyncGenerator[None, None]:
    await socket.accept()
    task = asyncio.create_task(refresh_ok())
    try:
        with suppress(WebSocketDisconnect):
            yield
    finally:
        task.cancel()


@websocket_listener("/refresh-ok", connection_lifespan=refreshed_ok)
async def refresh_ok_handler(data: str) -> None:
    pass


app = Litestar(
    [
        inbox_bug_handler,
        inbox_ok_handler,
        desk_bug_handler,
        desk_ok_handler,
        refresh_bug_handler,
        refresh_ok_handler,
        quotes_bug,
        quotes_ok,
        rates_bug,
        rates_ok,
    ],
    openapi_config=None,
)

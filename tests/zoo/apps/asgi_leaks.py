"""ASGI without a framework: what a connection leaves unfinished, and what does not let itself be ended."""
# ruff: noqa: RUF006

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def opened(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})


async def gone(receive: Receive) -> None:
    """Read until the client has left."""
    while (await receive())["type"] != "websocket.disconnect":
        pass


# --- a task that waits to be let go


async def start_after(go: asyncio.Event, send: Send) -> None:
    await go.wait()
    with suppress(OSError):
        await send({"type": "websocket.send", "text": "go"})


async def latch_bug(scope: Message, receive: Receive, send: Send) -> None:
    go = asyncio.Event()
    await opened(receive, send)
    asyncio.create_task(start_after(go, send))  # <- WSD303 latch
    while (message := await receive())["type"] != "websocket.disconnect":
        if message.get("text") == "go":
            go.set()


async def latch_ok(scope: Message, receive: Receive, send: Send) -> None:
    """However the connection ends, the task is let go, and looks whether there is somebody left."""

    async def start() -> None:
        await go.wait()
        if there:
            with suppress(OSError):
                await send({"type": "websocket.send", "text": "go"})

    go = asyncio.Event()
    there = True
    await opened(receive, send)
    asyncio.create_task(start())
    try:
        while (message := await receive())["type"] != "websocket.disconnect":
            if message.get("text") == "go":
                go.set()
    finally:
        there = False
        go.set()


# --- one value of a generator, and no more


async def lease() -> AsyncGenerator[str, None]:
    holders.append("somebody")
    try:
        yield "yours"
    finally:
        await asyncio.sleep(0)
        holders.pop()


holders: list[str] = []


async def lease_bug(scope: Message, receive: Receive, send: Send) -> None:
    await opened(receive, send)
    leased = lease()
    text = await anext(leased)  # <- WSD304 lease
    with suppress(OSError):
        await send({"type": "websocket.send", "text": text})
    await gone(receive)


async def lease_ok(scope: Message, receive: Receive, send: Send) -> None:
    await opened(receive, send)
    leased = lease()
    try:
        with suppress(OSError):
            await send({"type": "websocket.send", "text": await anext(leased)})
        await gone(receive)
    finally:
        await leased.aclose()


# --- a context manager around the conversation, and an answer that loses the race

seats: list[int] = []


@asynccontextmanager
async def seat_bug() -> AsyncGenerator[int, None]:
    number = len(seats)
    seats.append(number)
    yield number  # <- WSD205 seat
    seats.remove(number)


@asynccontextmanager
async def seat_ok() -> AsyncGenerator[int, None]:
    number = len(seats)
    seats.append(number)
    try:
        yield number
    finally:
        seats.remove(number)


async def seat(taken: AbstractAsyncContextManager[int], receive: Receive, send: Send) -> None:
    await opened(receive, send)
    async with taken as number:
        while (await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": f"seat {number}"})


async def seat_bug_app(scope: Message, receive: Receive, send: Send) -> None:
    await seat(seat_bug(), receive, send)


async def seat_ok_app(scope: Message, receive: Receive, send: Send) -> None:
    await seat(seat_ok(), receive, send)


# --- a job that has its number of steps, cancelled or not


async def job_bug() -> None:
    for _ in range(20):
        with suppress(BaseException):  # <- WSD502 job
            await asyncio.sleep(0.3)


async def job_ok() -> None:
    for _ in range(20):
        await asyncio.sleep(0.3)


async def work(job: Coroutine[Any, Any, None], receive: Receive, send: Send) -> None:
    await opened(receive, send)
    working = asyncio.create_task(job)
    await gone(receive)
    working.cancel()
    await asyncio.wait([working])


async def job_bug_app(scope: Message, receive: Receive, send: Send) -> None:
    await work(job_bug(), receive, send)


async def job_ok_app(scope: Message, receive: Receive, send: Send) -> None:
    await work(job_ok(), receive, send)


APPS = {
    "/latch-bug": latch_bug,
    "/latch-ok": latch_ok,
    "/job-bug": job_bug_app,
    "/job-ok": job_ok_app,
    "/seat-bug": seat_bug_app,
    "/seat-ok": seat_ok_app,
    "/lease-bug": lease_bug,
    "/lease-ok": lease_ok,
}


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await APPS[scope["path"]](scope, receive, send)

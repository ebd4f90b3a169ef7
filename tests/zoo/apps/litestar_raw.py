"""Plain Litestar `@websocket` handlers: two things at once, and what happens to the other one."""
# ruff: noqa: RUF006, S110, BLE001, SIM105, PERF203

import asyncio
import itertools
from contextlib import suppress
from typing import Any

import anyio
from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

Socket = WebSocket[Any, Any, Any]


async def stream(socket: Socket, period: float) -> None:
    for number in itertools.count():
        await socket.send_json({"number": number})
        await asyncio.sleep(period)


async def echo(socket: Socket) -> None:
    while True:
        await socket.send_text(await socket.receive_text())


# --- asyncio.TaskGroup: `except` instead of `except*`


@websocket("/group-bug")
async def group_bug(socket: Socket) -> None:
    await socket.accept()
    try:
        async with asyncio.TaskGroup() as tasks:  # <- WSD202 group
            tasks.create_task(stream(socket, 1))
            tasks.create_task(echo(socket))
    except WebSocketDisconnect:
        pass


@websocket("/group-ok")
async def group_ok(socket: Socket) -> None:
    await socket.accept()
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stream(socket, 1))
            tasks.create_task(echo(socket))
    except* (WebSocketDisconnect, OSError):
        pass


# --- an anyio task group whose reader ends quietly, and its sibling goes on


@websocket("/sibling-bug")
async def sibling_bug(socket: Socket) -> None:
    async def read() -> None:
        async for _ in socket.iter_data("text"):
            pass

    await socket.accept()
    async with anyio.create_task_group() as tasks:  # <- WSD202 sibling
        tasks.start_soon(stream, socket, 2)
        tasks.start_soon(read)


@websocket("/sibling-ok")
async def sibling_ok(socket: Socket) -> None:
    async def write() -> None:
        with suppress(OSError):  # a send that lost the race
            await stream(socket, 2)

    await socket.accept()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        async for _ in socket.iter_data("text"):
            pass
        tasks.cancel_scope.cancel()


# --- asyncio.wait: the one that did not come first


@websocket("/first-bug")
async def first_bug(socket: Socket) -> None:
    await socket.accept()
    reading = asyncio.create_task(echo(socket))
    writing = asyncio.create_task(stream(socket, 2))  # <- WSD301 first
    await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


@websocket("/first-ok")
async def first_ok(socket: Socket) -> None:
    await socket.accept()
    reading = asyncio.create_task(echo(socket))
    writing = asyncio.create_task(stream(socket, 2))
    await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
    reading.cancel()
    writing.cancel()
    await asyncio.gather(reading, writing, return_exceptions=True)


# --- gather: it raises when one fails, and the others go on


@websocket("/gather-bug")
async def gather_bug(socket: Socket) -> None:
    await socket.accept()
    await asyncio.gather(echo(socket), stream(socket, 2))  # <- WSD201 gather


@websocket("/gather-ok")
async def gather_ok(socket: Socket) -> None:
    await socket.accept()
    both = [asyncio.create_task(echo(socket)), asyncio.create_task(stream(socket, 2))]
    try:
        await asyncio.gather(*both)
    except (WebSocketDisconnect, OSError):
        pass
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


# --- a consumer of a queue in which nothing comes any more


def news() -> asyncio.Queue[str]:
    """Three messages within a second, and then none."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    for number in range(3):
        asyncio.get_running_loop().call_later(0.3 * number, queue.put_nowait, f"{number}")
    return queue


@websocket("/queue-bug")
async def queue_bug(socket: Socket) -> None:
    queue = news()
    await socket.accept()
    while True:
        await socket.send_text(await queue.get())  # <- WSD204 queue


@websocket("/queue-ok")
async def queue_ok(socket: Socket) -> None:
    async def consume() -> None:
        while True:
            await socket.send_text(await queue.get())

    queue = news()
    await socket.accept()
    consuming = asyncio.create_task(consume())
    try:
        async for _ in socket.iter_data("text"):
            pass
    finally:
        consuming.cancel()
        await asyncio.gather(consuming, return_exceptions=True)


# --- a ping whenever the client was quiet for a while


@websocket("/quiet-bug")
async def quiet_bug(socket: Socket) -> None:
    await socket.accept()
    while True:
        try:
            await asyncio.wait_for(socket.receive_text(), timeout=0.8)  # <- WSD201 quiet
        except TimeoutError:
            await socket.send_text("are you there?")


@websocket("/quiet-ok")
async def quiet_ok(socket: Socket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            try:
                await asyncio.wait_for(socket.receive_text(), timeout=0.8)
            except TimeoutError:
                await socket.send_text("are you there?")


# --- shield: a worker that survives its time-out, and then its connection


@websocket("/shield-bug")
async def shield_bug(socket: Socket) -> None:
    async def work() -> None:
        while True:
            await asyncio.sleep(1)

    await socket.accept()
    working = asyncio.create_task(work())  # <- WSD301 shield
    with suppress(WebSocketDisconnect):
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(working), timeout=0.05)
            await socket.send_text("working …")
            await socket.receive_text()


@websocket("/shield-ok")
async def shield_ok(socket: Socket) -> None:
    async def save() -> None:
        await asyncio.sleep(0.05)

    await socket.accept()
    try:
        async for _ in socket.iter_data("text"):
            pass
    finally:
        await asyncio.shield(asyncio.create_task(save()))


# --- close() after `iter_data`, which ends when the client has left


@websocket("/close-after-bug")
async def close_after_bug(socket: Socket) -> None:
    await socket.accept()
    async for data in socket.iter_data("text"):
        if data == "bye":
            break
    await socket.close()  # <- WSD201 close-after


@websocket("/close-after-ok")
async def close_after_ok(socket: Socket) -> None:
    await socket.accept()
    async for data in socket.iter_data("text"):
        if data == "bye":
            await socket.close()
            break


# --- awaits the task that it has cancelled


@websocket("/cancelled-bug")
async def cancelled_bug(socket: Socket) -> None:
    await socket.accept()
    task = asyncio.create_task(stream(socket, 0.5))
    async for _ in socket.iter_data("text"):
        pass
    task.cancel()
    await task  # <- WSD501 cancelled


@websocket("/cancelled-ok")
async def cancelled_ok(socket: Socket) -> None:
    await socket.accept()
    task = asyncio.create_task(stream(socket, 0.5))
    async for _ in socket.iter_data("text"):
        pass
    task.cancel()
    with suppress(asyncio.CancelledError, WebSocketDisconnect, OSError):
        await task


# --- two readers


@websocket("/readers-bug")
async def readers_bug(socket: Socket) -> None:
    async def watch() -> None:
        with suppress(WebSocketDisconnect):
            await socket.receive_text()

    await socket.accept()
    watching = asyncio.create_task(watch())  # <- WSD105 readers
    async for data in socket.iter_data("text"):
        await socket.send_text(data)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


@websocket("/readers-ok")
async def readers_ok(socket: Socket) -> None:
    async def watch() -> None:
        with suppress(WebSocketDisconnect):
            while True:
                messages.put_nowait(await socket.receive_text())
        messages.put_nowait(None)

    messages: asyncio.Queue[str | None] = asyncio.Queue()
    await socket.accept()
    watching = asyncio.create_task(watch())
    try:
        while (data := await messages.get()) is not None:
            if not watching.done():
                await socket.send_text(data)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


app = Litestar(
    [handler for name, handler in list(globals().items()) if name.endswith(("_bug", "_ok"))],
    openapi_config=None,
)

"""Who knows that the connection is over: what the task that received the disconnect hands on, and what not."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import anyio
import pytest

from tests.session.apps import _accept, application
from tests.session.cells import ALL, LEGACY, run
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.recording.events import SendCalled


class Line:
    """One connection, with what its handlers share."""

    def __init__(self, receive: Any, send: Any) -> None:
        self.receive = receive
        self._send = send

    async def until_over(self) -> None:
        while (await self.receive())["type"] != "websocket.disconnect":
            pass

    async def say_late(self) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            await self._send({"type": "websocket.send", "text": "late"})


def app_of(handler: Any) -> Any:
    @application
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await _accept(receive, send)
        await handler(Line(receive, send))

    return app


# --- those that are informed: a reader receives the disconnect, and another task sends


async def waits(line: Line) -> None:
    reader = asyncio.create_task(line.until_over())
    await asyncio.wait({reader})
    await line.say_late()


async def awaits_with_a_limit(line: Line) -> None:
    await asyncio.wait_for(line.until_over(), 30)
    await line.say_late()


async def gathers(line: Line) -> None:
    await asyncio.gather(line.until_over(), asyncio.sleep(0))
    await line.say_late()


async def leaves_a_task_group(line: Line) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(line.until_over())
    await line.say_late()


async def leaves_a_group_of_anyio(line: Line) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(line.until_over)
    await line.say_late()


async def finds_it_done(line: Line) -> None:
    reader = asyncio.create_task(line.until_over())
    await asyncio.sleep(0)
    while not reader.done():
        await asyncio.sleep(0.01)
    await reader
    await line.say_late()


async def asks_for_the_result(line: Line) -> None:
    reader = asyncio.create_task(line.until_over())
    while not reader.done():
        await asyncio.sleep(0.01)
    reader.result()
    await line.say_late()


async def gets_from_a_queue(line: Line) -> None:
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def read() -> None:
        await line.until_over()
        queue.put_nowait("gone")

    reader = asyncio.create_task(read())
    await queue.get()
    await line.say_late()
    await reader


async def gets_the_second_item(line: Line) -> None:
    """The first one was put before the disconnect; the second waits in the queue without a wake-up."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    turn = asyncio.Event()

    async def read() -> None:
        queue.put_nowait("a message")
        await line.until_over()
        queue.put_nowait("gone")

    reader = asyncio.create_task(read())
    await queue.get()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(turn.wait(), 1.0)
    await queue.get()
    await line.say_late()
    await reader


async def receives_from_a_stream(line: Line) -> None:
    into, out_of = anyio.create_memory_object_stream[str](5)

    async def read() -> None:
        async with into:
            await line.until_over()
            into.send_nowait("gone")

    async with anyio.create_task_group() as group, out_of:
        group.start_soon(read)
        await out_of.receive()
        await line.say_late()


async def waits_for_an_event(line: Line) -> None:
    over = asyncio.Event()

    async def read() -> None:
        await line.until_over()
        over.set()

    reader = asyncio.create_task(read())
    await over.wait()
    await line.say_late()
    await reader


async def looks_at_an_event(line: Line) -> None:
    over = anyio.Event()

    async def read() -> None:
        await line.until_over()
        over.set()

    reader = asyncio.create_task(read())
    while not over.is_set():
        await anyio.sleep(0.01)
    await line.say_late()
    await reader


async def is_called_back(line: Line) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    reader = asyncio.create_task(line.until_over())
    reader.add_done_callback(lambda _: future.set_result(None))
    await future
    await line.say_late()


async def starts_another(line: Line) -> None:
    async def read() -> None:
        await line.until_over()
        await asyncio.create_task(line.say_late())

    await asyncio.create_task(read())


async def is_cancelled(line: Line) -> None:
    async def write() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await line.say_late()

    writer = asyncio.create_task(write())
    await asyncio.sleep(0)
    await asyncio.create_task(line.until_over())
    writer.cancel()
    await asyncio.wait([writer])


INFORMED = (
    waits,
    awaits_with_a_limit,
    gathers,
    leaves_a_task_group,
    leaves_a_group_of_anyio,
    finds_it_done,
    asks_for_the_result,
    gets_from_a_queue,
    gets_the_second_item,
    receives_from_a_stream,
    waits_for_an_event,
    looks_at_an_event,
    is_called_back,
    starts_another,
    is_cancelled,
)


# --- those that lose a race: nothing that they were given tells of the end


async def of_its_own_accord(line: Line) -> None:
    over: list[bool] = []

    async def read() -> None:
        await line.until_over()
        over.append(True)

    reader = asyncio.create_task(read())
    while not over:
        await asyncio.sleep(0.01)
    await line.say_late()
    await reader


async def gets_the_lock(line: Line) -> None:
    lock = asyncio.Lock()

    async def read() -> None:
        async with lock:
            await line.until_over()

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    async with lock:
        await line.say_late()
    await reader


async def gets_a_permit(line: Line) -> None:
    limiter = anyio.CapacityLimiter(1)

    async def read() -> None:
        async with limiter:
            await line.until_over()

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    async with limiter:
        await line.say_late()
    await reader


async def finds_room_in_a_queue(line: Line) -> None:
    queue: asyncio.Queue[str] = asyncio.Queue(1)

    async def read() -> None:
        await line.until_over()
        queue.get_nowait()

    queue.put_nowait("first")
    reader = asyncio.create_task(read())
    await queue.put("second")
    await line.say_late()
    await reader


async def gets_what_was_put_before(line: Line) -> None:
    queue: asyncio.Queue[str] = asyncio.Queue()
    turn = asyncio.Event()

    async def read() -> None:
        queue.put_nowait("a message")
        queue.put_nowait("another")
        await line.until_over()
        queue.put_nowait("gone")
        turn.clear()

    reader = asyncio.create_task(read())
    await queue.get()
    while not reader.done():
        await asyncio.sleep(0.01)
    queue.get_nowait()
    await line.say_late()
    await reader


UNINFORMED = (
    of_its_own_accord,
    gets_the_lock,
    gets_a_permit,
    finds_room_in_a_queue,
    gets_what_was_put_before,
)


def late(recording: Any) -> SendCalled:
    (call,) = (
        event
        for event in recording.events
        if isinstance(event, SendCalled) and event.message == "websocket.send"
    )
    return call


@pytest.mark.parametrize("handler", INFORMED)
def test_a_task_that_was_informed_knows(handler):
    assert late(run(app_of(handler), "close", "idle", LEGACY)).told


@pytest.mark.parametrize("handler", UNINFORMED)
def test_a_task_that_was_not_loses_a_race(handler):
    assert not late(run(app_of(handler), "close", "idle", LEGACY)).told


@pytest.mark.parametrize(
    "handler, told", [(gets_the_second_item, True), (is_called_back, True), (gets_the_lock, False)]
)
def test_on_the_wall_clock_it_is_the_same(handler, told):
    assert late(run(app_of(handler), "close", "idle", LEGACY, clock="wall")).told is told


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize("kind", ["close", "abort", "fin"])
@pytest.mark.parametrize("handler", [*INFORMED, *UNINFORMED])
def test_what_is_sent_after_that_is_a_violation_and_what_loses_a_race_is_none(
    handler, kind, server
):
    diagnosed = diagnose(run(app_of(handler), kind, "idle", server))
    found = [cause.occurrence.code for cause in diagnosed.causes]
    assert found == (["WSD102"] if handler in INFORMED else [])

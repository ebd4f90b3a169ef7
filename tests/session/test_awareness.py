"""Tasks that know that the connection is over: which acts of the task that received the disconnect inform others."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

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

    async def say_on(self) -> None:
        while True:
            await self._send({"type": "websocket.send", "text": "tick"})
            await asyncio.sleep(0.05)

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


# --- those that know of a send that was refused: one task sends, and another one reads with Starlette


async def ticks(websocket: WebSocket) -> None:
    while True:
        await websocket.send_text("tick")
        await asyncio.sleep(0.05)


async def reads_after_it_was_awaited(websocket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        await asyncio.create_task(ticks(websocket))
    await websocket.receive_text()


async def reads_after_a_gather(websocket: WebSocket) -> None:
    await asyncio.gather(ticks(websocket), return_exceptions=True)
    await websocket.receive_text()


async def reads_after_a_wait(websocket: WebSocket) -> None:
    (sender,), _ = await asyncio.wait([asyncio.create_task(ticks(websocket))])
    sender.exception()
    await websocket.receive_text()


async def reads_after_a_limit(websocket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        await asyncio.wait_for(asyncio.create_task(ticks(websocket)), 30)
    await websocket.receive_text()


async def reads_after_a_task_group(websocket: WebSocket) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(ticks(websocket))
    except* WebSocketDisconnect:
        pass
    await websocket.receive_text()


async def reads_after_an_event(websocket: WebSocket) -> None:
    over = asyncio.Event()

    async def send() -> None:
        with contextlib.suppress(WebSocketDisconnect):
            await ticks(websocket)
        over.set()

    sender = asyncio.create_task(send())
    await over.wait()
    await sender
    await websocket.receive_text()


async def reads_after_news_from_a_queue(websocket: WebSocket) -> None:
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def send() -> None:
        try:
            await ticks(websocket)
        except WebSocketDisconnect:
            queue.put_nowait("gone")

    sender = asyncio.create_task(send())
    await queue.get()
    await websocket.receive_text()
    await sender


TOLD_OF_A_REFUSAL = (
    reads_after_it_was_awaited,
    reads_after_a_gather,
    reads_after_a_wait,
    reads_after_a_limit,
    reads_after_a_task_group,
    reads_after_an_event,
    reads_after_news_from_a_queue,
)


async def reads_meanwhile(websocket: WebSocket) -> None:
    """It waits for the sender while what it read with leaves it: that tells too late."""
    sender = asyncio.create_task(ticks(websocket))
    try:
        await asyncio.sleep(3)
        await websocket.receive_text()
    finally:
        with contextlib.suppress(WebSocketDisconnect):
            await sender


async def reads_within_a_task_group(websocket: WebSocket) -> None:
    async def send() -> None:
        with contextlib.suppress(WebSocketDisconnect):
            await ticks(websocket)

    async with asyncio.TaskGroup() as group:
        group.create_task(send())
        await asyncio.sleep(3)
        await websocket.receive_text()


async def reads_after_other_news(websocket: WebSocket) -> None:
    """What the queue holds was put there before a send was refused."""
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def send() -> None:
        queue.put_nowait("an item")
        with contextlib.suppress(WebSocketDisconnect):
            await ticks(websocket)

    sender = asyncio.create_task(send())
    await asyncio.sleep(3)
    queue.get_nowait()
    try:
        await websocket.receive_text()
    finally:
        await sender


NOT_TOLD_OF_A_REFUSAL = (reads_meanwhile, reads_within_a_task_group, reads_after_other_news)


def starlette_of(handler: Any) -> Starlette:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await handler(websocket)

    return Starlette(routes=[WebSocketRoute("/ws", endpoint)])


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize("handler", [*TOLD_OF_A_REFUSAL, *NOT_TOLD_OF_A_REFUSAL])
def test_a_refused_send_is_known_to_those_that_were_informed(handler, server):
    diagnosed = diagnose(run(starlette_of(handler), "abort", "idle", server))
    (found,) = (c.occurrence for c in diagnosed.causes if c.occurrence.code == "WSD104")
    users = handler in TOLD_OF_A_REFUSAL
    assert found.fault == ("app" if users else "framework")
    assert found.place is not None
    assert found.place.function == handler.__name__


async def reads_once(line: Line, *, times: int = 1) -> None:
    with contextlib.suppress(OSError):
        await asyncio.create_task(line.say_on())
    for _ in range(times):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await line.receive()


async def reads_twice(line: Line) -> None:
    await reads_once(line, times=2)


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize("handler, found", [(reads_once, []), (reads_twice, ["WSD104"])])
def test_the_disconnect_itself_is_still_to_be_received_once(handler, found, server):
    diagnosed = diagnose(run(app_of(handler), "abort", "idle", server))
    assert [cause.occurrence.code for cause in diagnosed.causes] == found


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

"""A session with two clients: what correct applications do to those who stay is no harm."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from tests.session.apps import application
from tests.session.cells import ALL, USER_CODE, all_of
from tests.session.cells import run as run_cell
from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.recording.case import Case, Handshake, SendStep
from wsdoctor.recording.events import (
    ClientActed,
    ContainersHeld,
    ContainerShrank,
    FrameReceived,
    FrameSent,
    SendCalled,
    SendReturned,
)
from wsdoctor.session.bystander import BYSTANDER, LEAVER, control_case, control_of
from wsdoctor.session.run import SessionTarget, run_case

KINDS = ("close", "abort", "stall", "stall-abort", "burst")
Send = Any
Receive = Any


def judged(
    make: Callable[[], Any], kind: str, server: str, moment: str = "idle", says: str = ""
) -> Diagnosed:
    """The case of ``kind`` with a bystander, on an application that ``make`` makes, with its control."""
    case = Case(
        route="/ws",
        server=server,
        kind=f"{kind}+bystander",
        moment=moment,
        handshake=Handshake("/ws"),
        script=(SendStep(text=says),) if says else (),
    )
    control = run_case(control_case(case), SessionTarget(make(), "asgi", USER_CODE))
    recording = run_case(case, SessionTarget(make(), "asgi", USER_CODE))
    return diagnose(replace(recording, control=control_of(control)))


def room(handler: Callable[[Any, Any, list[Any]], Any]) -> Callable[[], Any]:
    """A new application whose ``handler`` gets the list of those who are there."""

    def make() -> Any:
        there: list[Any] = []

        async def app(scope: Any, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
                await send({"type": "lifespan.shutdown.complete"})
                return
            await receive()
            await send({"type": "websocket.accept"})
            with contextlib.suppress(OSError, RuntimeError):
                await handler(receive, send, there)

        return app

    return make


async def say(send: Send, text: str = "x") -> None:
    with contextlib.suppress(OSError, RuntimeError, TimeoutError):
        async with asyncio.timeout(1):
            await send({"type": "websocket.send", "text": text})


async def until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def silent(receive: Receive, send: Send, there: list[Any]) -> None:
    await until_gone(receive)


async def answers(receive: Receive, send: Send, there: list[Any]) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        await say(send)


async def three_and_ends(receive: Receive, send: Send, there: list[Any]) -> None:
    for _ in range(3):
        await say(send)
        await asyncio.sleep(1)


async def own_stream(receive: Receive, send: Send, there: list[Any]) -> None:
    async def stream() -> None:
        while True:
            await asyncio.sleep(0.5)
            await say(send)

    task = asyncio.create_task(stream())
    await until_gone(receive)
    task.cancel()
    await asyncio.wait([task])


async def tells_who_left(receive: Receive, send: Send, there: list[Any]) -> None:
    there.append(send)
    await until_gone(receive)
    there.remove(send)
    for other in there:
        await say(other, "a client left")


async def only_one(receive: Receive, send: Send, there: list[Any]) -> None:
    for older in there:
        await older({"type": "websocket.close", "code": 4001})
    there[:] = [send]
    await own_stream(receive, send, there)


async def full_house(receive: Receive, send: Send, there: list[Any]) -> None:
    if there:
        await send({"type": "websocket.close", "code": 1013})
        return
    there.append(send)
    await own_stream(receive, send, there)


async def presence(receive: Receive, send: Send, there: list[Any]) -> None:
    """Each client shows itself to the others: a single client sees no other."""
    there.append(send)

    async def show() -> None:
        while True:
            await asyncio.sleep(0.5)
            for other in list(there):
                if other is not send:
                    await say(other)

    task = asyncio.create_task(show())
    await until_gone(receive)
    there.remove(send)
    task.cancel()
    await asyncio.wait([task])


async def game(receive: Receive, send: Send, there: list[Any]) -> None:
    """It takes two, is played by a task of the first one, and is over when one leaves."""
    there.append(send)

    async def play() -> None:
        while True:
            await asyncio.sleep(0.5)
            for player in list(there):
                await say(player)

    task = asyncio.create_task(play()) if len(there) == 1 else None
    await until_gone(receive)
    there.remove(send)
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
    for other in there:
        await say(other, "you have won")


CORRECT = [
    silent,
    answers,
    three_and_ends,
    own_stream,
    tells_who_left,
    only_one,
    full_house,
    presence,
    game,
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("handler", CORRECT, ids=lambda handler: handler.__name__)
def test_what_a_correct_application_does_to_those_who_stay_is_no_harm(handler, kind):
    for server in ALL:
        diagnosed = judged(room(handler), kind, server, says="hello")
        assert not diagnosed.causes, diagnosed.causes[0].occurrence.message
        assert diagnosed.result.verdict == "healthy"


async def one_after_the_other(receive: Receive, send: Send, there: list[Any]) -> None:
    there.append(send)
    while (await receive())["type"] == "websocket.receive":
        for other in list(there):
            with contextlib.suppress(OSError, RuntimeError):
                await other({"type": "websocket.send", "text": "x"})
    there.remove(send)


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize("moment", ["idle", "send#1+2"])
def test_a_bystander_that_must_speak_is_held_up_by_one_that_does_not_read(server, moment):
    diagnosed = judged(room(one_after_the_other), "stall", server, moment, says="hello")
    (cause,) = diagnosed.causes
    found = cause.occurrence
    assert (found.code, found.fault, found.severity) == ("WSD405", "app", "error")
    assert found.place is not None
    assert found.place.function == one_after_the_other.__name__


async def each_in_turn(receive: Receive, send: Send, there: list[Any]) -> None:
    there.append(send)
    try:
        while (await receive())["type"] == "websocket.receive":
            for other in list(there):
                await other({"type": "websocket.send", "text": "x"})
    except OSError as error:
        raise ValueError("x") from error
    finally:
        there.remove(send)


@pytest.mark.parametrize("server", ALL)
def test_a_reset_of_a_stalled_client_is_watched_until_the_sends_to_it_have_failed(server):
    """The bystander waits in a send to the stalled client, and the reset makes that fail."""
    diagnosed = judged(room(each_in_turn), "stall-abort", server, says="hello")
    recording = diagnosed.recording
    acts = {e.act: e.time for e in all_of(recording, ClientActed, LEAVER) if e.disconnects}
    assert acts["abort"] - acts["stall"] == pytest.approx(5)
    calls = {e.call for e in all_of(recording, SendCalled, LEAVER)}
    returned = {e.call for e in all_of(recording, SendReturned, LEAVER)}
    assert calls == returned
    assert [cause.occurrence.code for cause in diagnosed.causes] == ["WSD405"]


def test_the_bystander_repeats_the_script_and_in_the_control_no_client_leaves():
    diagnosed = judged(room(answers), "close", ALL[0], says="hello")
    recording = diagnosed.recording
    assert recording.case.id == "/ws close+bystander@idle uvicorn:websockets-sansio"
    said = [e for e in all_of(recording, FrameSent, BYSTANDER) if e.opcode == "text"]
    assert len(said) > 3
    left = [e for e in all_of(recording, ClientActed, LEAVER) if e.disconnects]
    assert [event.act for event in left] == ["close"]
    assert not [e for e in all_of(recording, ClientActed, BYSTANDER) if e.disconnects]
    assert recording.control is not None
    assert recording.control.closed is None
    assert len(recording.control.received) >= len(all_of(recording, FrameReceived, BYSTANDER)) - 2


class Hub:
    """A service fills everybody's queue, and fails if one of them is gone. A handler speaks up by itself."""

    def __init__(self, *, again: bool) -> None:
        self.there: list[asyncio.Queue[str] | None] = []
        self.again = again

    async def publish(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            for queue in self.there:
                assert queue is not None, "it has not been taken out"
                queue.put_nowait("news")

    async def serve(self) -> None:
        while True:
            task = asyncio.create_task(self.publish())
            await asyncio.wait([task])
            task.exception()
            if not self.again:
                return
            await asyncio.sleep(12)
            self.there = [queue for queue in self.there if queue is not None]

    async def write(self, send: Send, queue: asyncio.Queue[str]) -> None:
        while True:
            text = "still there?"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(15):
                    text = await queue.get()
            await say(send, text)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        if scope["type"] == "lifespan":
            async with background(self.serve()):
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "websocket.accept"})
        queue: asyncio.Queue[str] = asyncio.Queue()
        self.there.append(queue)
        async with background(self.write(send, queue)):
            await until_gone(receive)
        self.there[self.there.index(queue)] = None


@contextlib.asynccontextmanager
async def background(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    yield
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize("server", ALL)
def test_a_service_that_dies_of_one_client_serves_no_other_though_the_others_hear_something(server):
    (cause,) = judged(lambda: Hub(again=False), "close", server).causes
    found = cause.occurrence
    assert (found.code, found.severity) == ("WSD405", "error")
    assert "`publish` ended with AssertionError" in found.message
    assert found.place is not None
    assert found.place.function.endswith("publish")
    assert not judged(lambda: Hub(again=True), "close", server).causes


lobby: dict[str, list[Any]] = {}


@pytest.mark.parametrize("clears", [True, False])
def test_what_the_clean_up_of_one_takes_out_is_recorded_with_its_line(clears):
    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        lobby.setdefault("hall", []).append(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        if clears:
            lobby["hall"].clear()
        else:
            lobby["hall"].remove(send)

    lobby.clear()
    recording = run_cell(app, "close+bystander", moment="idle")
    (taken,) = all_of(recording, ContainerShrank)
    assert (taken.connection, taken.holder.name) == (1, "lobby")
    assert taken.stack[-1].function.endswith("app")
    noted = {event.when: event for event in recording.events if isinstance(event, ContainersHeld)}
    alone, end = (
        sum(growth.by for growth in noted[when].held if growth.holder.name == "lobby")
        for when in ("alone", "end")
    )
    assert taken.held == end
    assert (end < alone) is clears

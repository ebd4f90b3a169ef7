"""Two clients that leave at the same time, and a timer between a client's last words and its reset."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.session.apps import _accept, application, echo
from tests.session.cells import ALL, LEGACY, all_of, run
from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.recording.case import SendStep
from wsdoctor.recording.events import (
    ClientActed,
    ReceiveReturned,
    ScriptStopped,
    SendCalled,
    TransportLost,
)
from wsdoctor.recording.recording import Recording

HI = (SendStep(text="hi"),)


def causes(diagnosed: Diagnosed) -> list[tuple[str, str, str]]:
    found = [cause.occurrence for cause in diagnosed.causes]
    return [(item.code, item.severity, item.fault) for item in found]


# --- two clients


def room(*, careful: bool, framework: str) -> Any:
    """A handler that tells the others when its client has left."""
    here: list[Any] = []
    lost = (OSError, RuntimeError, WebSocketDisconnect) if careful else ()

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        here.append(websocket)
        try:
            async for _ in websocket.iter_text():
                pass
        finally:
            here.remove(websocket)
            for other in here:
                with contextlib.suppress(*lost):
                    await other.send_text("one has left")

    @application
    async def plain(scope: Any, receive: Any, send: Any) -> None:
        await _accept(receive, send)
        here.append(send)
        try:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            here.remove(send)
            for other in here:
                try:
                    await other({"type": "websocket.send", "text": "one has left"})
                except lost:
                    pass
                except OSError as error:
                    raise RuntimeError("cannot tell the others") from error

    return Starlette(routes=[WebSocketRoute("/ws", endpoint)]) if framework else plain


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize("framework", ["", "starlette"])
def test_a_clean_up_that_tells_the_others_meets_one_that_has_left_too(framework, server):
    bug, ok = (
        diagnose(run(room(careful=careful, framework=framework), "abort", "together:idle", server))
        for careful in (False, True)
    )
    code = "WSD201" if framework else "WSD203"
    assert causes(bug) == [(code, "error", "app")]
    assert causes(ok) == []
    alone = room(careful=False, framework=framework)
    assert causes(diagnose(run(alone, "abort", "idle", server))) == []


@pytest.mark.parametrize("moment", ["together:idle", "together:send#1+1"])
@pytest.mark.parametrize("kind", ["close", "abort", "eof", "burst"])
def test_they_leave_in_one_turn_of_the_loop(kind, moment):
    recording = run(echo, kind, moment, script=HI)
    leaving = [
        event.step
        for number in (0, 1)
        for event in all_of(recording, ClientActed, number)
        if event.disconnects
    ]
    assert len(leaving) == 2
    assert len(set(leaving)) == 1
    assert not diagnose(recording).causes


def one_seat(*, evicts: bool) -> Any:
    """An application with one client, which turns the next one away, or lets the first one go for it."""
    seat: list[Any] = []

    @application
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if seat and not evicts:
            await send({"type": "websocket.close"})
            return
        if seat:
            await seat.pop()({"type": "websocket.close", "code": 4000})
        await send({"type": "websocket.accept"})
        seat.append(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        if send in seat:
            seat.remove(send)

    return app


@pytest.mark.parametrize("evicts", [True, False])
def test_an_application_with_one_client_is_met_with_one(evicts):
    diagnosed = diagnose(run(one_seat(evicts=evicts), "close", "together:idle"))
    assert (diagnosed.result.verdict, causes(diagnosed)) == ("healthy", [])


# --- a timer


def ticking(every: float = 0.05) -> Any:
    """Sends at intervals; another task of the connection's reads."""

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()

        async def tick() -> None:
            with contextlib.suppress(WebSocketDisconnect):
                while True:
                    await asyncio.sleep(every)
                    await websocket.send_text("tick")

        task = asyncio.create_task(tick())
        try:
            async for _ in websocket.iter_text():
                pass
        finally:
            task.cancel()
            await asyncio.wait([task])

    return Starlette(routes=[WebSocketRoute("/ws", endpoint)])


def sent_while_it_reads(recording: Recording) -> bool:
    """Whether the handler sent something between the first of the client's last messages and the last."""
    left = next(e.time for e in all_of(recording, ClientActed) if e.disconnects)
    events = [
        event
        for event in recording.events
        if isinstance(event, SendCalled | ReceiveReturned) and event.time >= left
    ]
    kinds = ["s" if isinstance(event, SendCalled) else "r" for event in events]
    return "rs" in "".join(kinds) and "sr" in "".join(kinds)


@pytest.mark.parametrize("every", [0.05, 0.7])
def test_the_timer_fires_while_the_last_messages_are_read(every):
    recording = run(ticking(every), "burst-abort", "timer", LEGACY, script=HI)
    assert sent_while_it_reads(recording)
    assert causes(diagnose(recording)) == [("WSD104", "info", "framework")]
    assert not sent_while_it_reads(run(ticking(every), "burst-abort", "idle", LEGACY, script=HI))


def test_what_sleeps_between_two_messages_comes_to_its_timer_first():
    """The client leaves a millisecond before it, and time does not stand still for what it has said."""
    recording = run(ticking(0.3), "burst-abort", "timer", LEGACY, script=HI)
    left = next(e.time for e in all_of(recording, ClientActed) if e.disconnects)
    (lost,) = all_of(recording, TransportLost)
    assert lost.time - left < 0.01


def test_a_handler_without_a_timer_has_no_such_moment():
    recording = run(echo, "burst-abort", "timer", LEGACY, script=HI)
    (stopped,) = all_of(recording, ScriptStopped)
    assert stopped.waiting_for == "a timer of the handler's, or of a task that sends to all clients"


async def patient(scope: Any, receive: Any, send: Any) -> None:
    """Gives a client up that says nothing for 45 seconds, as Engine.IO does."""
    await _accept(receive, send)
    with contextlib.suppress(TimeoutError):
        while (await asyncio.wait_for(receive(), 45))["type"] != "websocket.disconnect":
            pass


def test_a_timer_that_the_survey_sees_late_is_reached():
    """It is due within a client's patience only when that client has waited for a while."""
    assert run(patient, "close", "survey", script=HI).timer
    recording = run(patient, "burst-abort", "timer", LEGACY, script=HI)
    assert not all_of(recording, ScriptStopped)
    left = next(e.time for e in all_of(recording, ClientActed) if e.disconnects)
    assert 44 < left < 46  # seconds


@pytest.mark.parametrize("app, has", [(ticking(), True), (echo, False)])
def test_a_survey_tells_whether_there_is_one(app, has):
    assert run(app, "close", "survey", script=HI).timer is has


async def refusing(scope: Any, receive: Any, send: Any) -> None:
    """Closes at the first message; the server then has a timer for the client's answer to that."""
    await _accept(receive, send)
    if (await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.close", "code": 4401})


@pytest.mark.parametrize("server", ALL)
def test_a_timer_of_the_server_that_closes_is_none_of_the_handlers(server):
    assert not run(refusing, "close", "survey", server, script=HI).timer

"""The same client comes back before its old connection is known to be dead: what is harm, and what is none."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from tests.session.apps import application
from tests.session.cells import ALL, LEGACY, SANSIO, all_of, observed, run
from wsdoctor.diagnosis.causes import Cause
from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.plan.moments import EVERY
from wsdoctor.recording.case import SendStep
from wsdoctor.recording.events import (
    AppReturned,
    ClientActed,
    ContainersHeld,
    ContainerShrank,
    HandshakeAccepted,
)
from wsdoctor.session.reconnect import AGAIN, NEW, OLD

Receive = Callable[[], Any]
Send = Callable[[Any], Any]

CLOSE = {"type": "websocket.close", "code": 4000}

active: dict[str, Send] = {}
everybody: defaultdict[str, list[Send]] = defaultdict(list)
online: set[str] = set()
visits: Counter[str] = Counter()
used: set[str] = set()
seen: dict[str, float] = {}


@pytest.fixture(autouse=True)
def anew() -> None:
    clear()


def clear() -> None:
    for container in (active, everybody, online, visits, used, seen):
        container.clear()


async def until_gone(receive: Receive) -> int:
    while (message := await receive())["type"] != "websocket.disconnect":
        pass
    return int(message["code"])


def accepting(handler: Any) -> Any:
    """The application that lets everybody in, and has ``handler`` do the rest."""

    @application
    async def app(_scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await handler(receive, send)

    return app


def at(handler: Any, moment: str = "idle", server: str = SANSIO, says: str = "") -> Diagnosed:
    script = (SendStep(text=says),) if says else ()
    return diagnose(run(accepting(handler), "reconnect", moment, server, script=script))


def marked(cause: Cause) -> bool:
    """Whether the finding is on a line with the mark."""
    place = cause.occurrence.place
    assert place is not None
    return Path(place.file).read_text().splitlines()[place.line - 1].endswith("# <- here")


# --- harm


async def pops(receive: Receive, send: Send) -> None:
    active["ann"] = send
    await until_gone(receive)
    active.pop("ann", None)  # <- here


async def deletes_in_a_function(receive: Receive, send: Send) -> None:
    active["ann"] = send
    try:
        await until_gone(receive)
    finally:
        forget("ann")


def forget(name: str) -> None:
    log = [name]
    del active[name]  # <- here
    log.clear()


async def forgets_everybody_of_that_name(receive: Receive, send: Send) -> None:
    everybody["ann"].append(send)
    await until_gone(receive)
    del everybody["ann"]  # <- here


async def puts_another_one_in_place(receive: Receive, send: Send) -> None:
    global active  # noqa: PLW0603 - as people do it
    active["ann"] = send
    await until_gone(receive)
    active = {name: other for name, other in active.items() if name != "ann"}  # <- here


async def in_a_thread(receive: Receive, send: Send) -> None:
    active["ann"] = send
    await until_gone(receive)
    await asyncio.to_thread(forget, "ann")


async def in_a_thread_while_it_goes_on(receive: Receive, send: Send) -> None:
    active["ann"] = send
    await until_gone(receive)
    loop = asyncio.get_running_loop()
    left = loop.run_in_executor(None, copy_context().run, forget_slowly, "ann")
    time.sleep(0.02)  # noqa: ASYNC251 - so that the other thread comes first
    await left


def forget_slowly(name: str) -> None:
    log = [active.pop(name), threading.Event().wait(0.04)]  # <- here
    log.clear()


async def in_a_task(receive: Receive, send: Send) -> None:
    active["ann"] = send
    await until_gone(receive)
    asyncio.get_running_loop().call_soon(forget, "ann")


async def closes_whoever_has_its_place(receive: Receive, send: Send) -> None:
    active["ann"] = send
    await until_gone(receive)
    if active["ann"] is not send:
        await active["ann"](CLOSE)  # <- here


HARMFUL = [
    pops,
    deletes_in_a_function,
    forgets_everybody_of_that_name,
    puts_another_one_in_place,
    in_a_thread,
    in_a_thread_while_it_goes_on,
    in_a_task,
    closes_whoever_has_its_place,
]


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize("handler", HARMFUL, ids=lambda handler: handler.__name__)
def test_a_clean_up_that_harms_the_new_connection_is_found_on_its_line(handler, server):
    (cause,) = at(handler, server=server).causes
    found = cause.occurrence
    assert (found.code, found.fault, found.severity) == ("WSD406", "app", "error")
    assert marked(cause), found.place


async def waits_after_it_has_looked(receive: Receive, send: Send) -> None:
    active["ann"] = send
    await until_gone(receive)
    if active.get("ann") is send:
        await asyncio.sleep(0.3)
        del active["ann"]  # <- here


@pytest.mark.parametrize("server", ALL)
def test_a_clean_up_that_waits_between_its_look_and_its_deed_is_found_at_some_moment(server):
    moments = [
        m.name for m in run(accepting(waits_after_it_has_looked), "reconnect", EVERY).moments
    ]
    active.clear()
    found = {}
    for moment in moments:
        found[moment] = at(waits_after_it_has_looked, moment, LEGACY).causes
        active.clear()
    assert not found["idle"]
    harmed = [causes[0] for causes in found.values() if causes]
    assert harmed
    assert all(map(marked, harmed))


async def is_shown_by_name(receive: Receive, _send: Send) -> None:
    online.add("ann")
    await until_gone(receive)
    online.discard("ann")  # <- here


def test_a_name_that_is_missing_is_a_warning():
    (cause,) = at(is_shown_by_name).causes
    assert (cause.occurrence.code, cause.occurrence.severity) == ("WSD406", "warning")
    assert marked(cause)


async def one_at_a_time(receive: Receive, send: Send) -> None:
    if "ann" in online:
        await send(CLOSE)
        return
    online.add("ann")
    if await until_gone(receive) == 1000:
        online.discard("ann")


def test_what_the_old_one_leaves_keeps_the_new_one_out():
    assert not at(one_at_a_time).causes, "the old one is there: that is what it is to do"
    online.clear()
    (cause,) = at(one_at_a_time, "return+1").causes
    found = cause.occurrence
    assert (found.code, found.severity, found.setting) == ("WSD406", "error", "entry")
    assert found.place is not None
    line = Path(found.place.file).read_text().splitlines()[found.place.line - 1]
    assert line.strip() == 'online.add("ann")'


# --- no harm


async def compares(receive: Receive, send: Send) -> None:
    active["ann"] = send
    await until_gone(receive)
    if active.get("ann") is send:
        del active["ann"]


async def replaces_on_purpose(receive: Receive, send: Send) -> None:
    if (old := active.pop("ann", None)) is not None:
        await old(CLOSE)
    active["ann"] = send
    await until_gone(receive)
    if active.get("ann") is send:
        del active["ann"]


async def takes_out_its_own(receive: Receive, send: Send) -> None:
    everybody["ann"].append(send)
    await until_gone(receive)
    everybody["ann"].remove(send)
    if not everybody["ann"]:
        del everybody["ann"]


async def counts(receive: Receive, _send: Send) -> None:
    visits["ann"] += 1
    await until_gone(receive)
    visits["ann"] -= 1
    if not visits["ann"]:
        del visits["ann"]


async def lets_one_in(receive: Receive, send: Send) -> None:
    if "ann" in online:
        await send(CLOSE)
        return
    online.add("ann")
    try:
        await until_gone(receive)
    finally:
        online.discard("ann")


async def waits_for_its_turn(receive: Receive, _send: Send) -> None:
    while "ann" in online:
        await asyncio.sleep(0.2)
    online.add("ann")
    try:
        await until_gone(receive)
    finally:
        online.discard("ann")


async def says_again_that_it_is_there(receive: Receive, send: Send) -> None:
    active["ann"] = send
    while (await receive())["type"] != "websocket.disconnect":
        active["ann"] = send
    active.pop("ann", None)


async def asks_for_a_pause(receive: Receive, send: Send) -> None:
    now = asyncio.get_running_loop().time()
    if now - seen.get("ann", now - 60) < 30:
        await send(CLOSE)
        return
    await until_gone(receive)
    seen["ann"] = asyncio.get_running_loop().time()


async def takes_a_ticket(receive: Receive, send: Send) -> None:
    if "ticket" in used:
        await send(CLOSE)
        return
    used.add("ticket")
    await until_gone(receive)


@pytest.mark.parametrize("server", ALL)
def test_a_client_that_is_let_in_once_and_no_more_is_a_remark(server):
    assert not at(takes_a_ticket, server=server).causes
    clear()
    diagnosed = at(takes_a_ticket, "return+1", server)
    (cause,) = diagnosed.causes
    assert (cause.occurrence.code, cause.occurrence.severity) == ("WSD406", "info")
    assert diagnosed.result.verdict == "healthy"


async def remembers(receive: Receive, send: Send) -> None:
    seen["ann"] = 1.0
    everybody["ann"].append(send)
    await until_gone(receive)
    everybody["ann"].remove(send)


async def ends_by_itself(_receive: Receive, send: Send) -> None:
    active["ann"] = send
    await asyncio.sleep(0.5)
    active.pop("ann", None)


async def ends_after_a_while(receive: Receive, send: Send) -> None:
    active[str(id(send))] = send
    try:
        async with asyncio.timeout(5):
            await until_gone(receive)
    except TimeoutError:
        await send(CLOSE)
    del active[str(id(send))]


HARMLESS = [
    compares,
    replaces_on_purpose,
    takes_out_its_own,
    counts,
    lets_one_in,
    waits_for_its_turn,
    says_again_that_it_is_there,
    asks_for_a_pause,
    remembers,
    ends_by_itself,
    ends_after_a_while,
]


@pytest.mark.parametrize("moment", ["idle", "lost+1", "return+1", "after-accept"])
@pytest.mark.parametrize("handler", HARMLESS, ids=lambda handler: handler.__name__)
def test_what_a_correct_application_does_is_no_harm(handler, moment):
    for server in ALL:
        diagnosed = at(handler, moment, server, says="hello")
        assert not diagnosed.causes, diagnosed.causes[0].occurrence.message
        assert diagnosed.result.verdict == "healthy"
        clear()


# --- what can only be seen in what the new one gets: nothing leads to these books


def feeding(*, compares: bool) -> Any:
    """An application that keeps its books in variables of a function, and sends to who is in them."""
    books: dict[str, Send] = {}

    async def feed() -> None:
        while True:
            await asyncio.sleep(0.5)
            for send in list(books.values()):
                with contextlib.suppress(OSError):
                    await send({"type": "websocket.send", "text": "news"})

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        if scope["type"] == "lifespan":
            task = asyncio.create_task(feed())
            await send({"type": "lifespan.startup.complete"})
            await receive()
            task.cancel()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "websocket.accept"})
        books["ann"] = send
        await until_gone(receive)
        if not compares or books.get("ann") is send:
            del books["ann"]  # <- here

    return app


@pytest.mark.parametrize("server", ALL)
def test_a_new_connection_that_gets_nothing_is_found_at_the_last_line_of_the_clean_up(server):
    (cause,) = diagnose(run(feeding(compares=False), "reconnect", "idle", server)).causes
    assert (cause.occurrence.code, cause.occurrence.severity) == ("WSD406", "error")
    assert marked(cause)
    assert not diagnose(run(feeding(compares=True), "reconnect", "idle", server)).causes


async def says_five_things(receive: Receive, send: Send) -> None:
    async def speak() -> None:
        for number in range(5):
            await asyncio.sleep(0.7)
            await send({"type": "websocket.send", "text": f"{number}"})

    speaking = asyncio.create_task(speak())
    await until_gone(receive)
    speaking.cancel()
    await asyncio.wait([speaking])


@pytest.mark.parametrize("server", ALL)
def test_a_client_that_has_got_all_there_is_misses_nothing(server):
    assert not at(says_five_things, server=server).causes


class Kept:
    """A client's session outlives its connection for a while; the timer of that is in ``ends``."""

    def __init__(self) -> None:
        self.said = self.clients = 0
        self.ends: asyncio.TimerHandle | None = None


def resuming(seconds: float, *, counts: bool) -> Any:
    """A handler whose client can go on where it was, within ``seconds``.

    ``counts``: the time runs while there is no connection, and not from the end of each.
    """
    sessions: dict[str, Kept] = {}

    async def handler(receive: Receive, send: Send) -> None:
        kept = sessions.setdefault("ann", Kept())
        kept.clients += 1
        if counts and kept.ends is not None:
            kept.ends.cancel()
        while (await receive())["type"] != "websocket.disconnect":
            sessions["ann"].said += 1  # <- here
            with contextlib.suppress(OSError):
                await send({"type": "websocket.send", "text": f"{kept.said}"})
        kept.clients -= 1
        if not counts or not kept.clients:
            kept.ends = asyncio.get_running_loop().call_later(seconds, sessions.pop, "ann", None)

    return handler


@pytest.mark.parametrize("seconds", [0.5, 2, 10, 45])
@pytest.mark.parametrize("server", ALL)
def test_what_a_timer_of_the_old_one_takes_from_the_new_one_is_found(server, seconds):
    (cause,) = at(resuming(seconds, counts=False), server=server, says="hi").causes
    assert (cause.occurrence.code, cause.occurrence.severity) == ("WSD406", "error")
    assert marked(cause)
    assert "raises KeyError" in cause.occurrence.message
    assert not at(resuming(seconds, counts=True), server=server, says="hi").causes


async def never_works(receive: Receive, _send: Send) -> None:
    """What every client meets is no harm that the old connection does."""
    said = 0
    while (await receive())["type"] != "websocket.disconnect":
        said += 1
        assert said < 2


@pytest.mark.parametrize("server", ALL)
def test_what_fails_for_every_client_has_nothing_to_do_with_the_old_one(server):
    assert "WSD406" not in {
        cause.occurrence.code for cause in at(never_works, server=server, says="hi").causes
    }


# --- what the session does


@pytest.mark.parametrize("server", ALL)
def test_the_old_one_vanishes_and_the_new_one_comes_at_once(server):
    recording = run(accepting(compares), "reconnect", "idle", server)
    acts = [(event.connection, event.act) for event in all_of(recording, ClientActed, OLD)]
    assert acts == [(OLD, "connect"), (OLD, "vanish")]
    (left,) = (e.time for e in all_of(recording, ClientActed, OLD) if e.disconnects)
    (came,) = (e.time for e in all_of(recording, HandshakeAccepted, NEW))
    (gone,) = (e.time for e in all_of(recording, AppReturned, OLD))
    assert left <= came < gone
    assert not all_of(recording, AppReturned, NEW)
    held = [
        (e.when, [g.by for g in e.held])
        for e in observed(recording)
        if isinstance(e, ContainersHeld)
    ]
    assert held == [("alone", [1]), ("came", [1]), ("cleaned", [1]), ("end", [1])]
    assert not [e for e in observed(recording) if isinstance(e, ContainerShrank)]


def test_the_moments_are_those_of_the_old_ones_clean_up():
    for server in ALL:
        recording = run(accepting(waits_after_it_has_looked), "reconnect", EVERY, server)
        names = [moment.name for moment in recording.moments]
        assert (names[0], names[-1]) == ("idle", "return+1")
        assert len(names) > 3
        assert not [e for e in observed(recording) if getattr(e, "connection", 0) == NEW]
        active.clear()


def test_one_that_is_let_go_comes_again_when_a_minute_is_over():
    recording = run(accepting(asks_for_a_pause), "reconnect", "return+1")
    (first,) = (e.time for e in all_of(recording, HandshakeAccepted, NEW))
    (second,) = (e.time for e in all_of(recording, HandshakeAccepted, AGAIN))
    assert second - first >= 60
    assert not all_of(recording, AppReturned, AGAIN)


def test_nothing_is_traced_any_more_when_the_session_is_over():
    at(pops)
    assert sys.gettrace() is None


def test_a_debugger_keeps_its_trace_function():
    def trace(*_: Any) -> None:
        return None

    sys.settrace(trace)
    try:
        at(pops)
        assert sys.gettrace() is trace
    finally:
        sys.settrace(None)

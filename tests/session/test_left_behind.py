"""Things that outlive a connection: its own object, and the threads that it started."""

from __future__ import annotations

import asyncio
import functools
import gc
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import pytest

from tests.session.apps import application
from tests.session.cells import LEGACY, SANSIO, USER_CODE, all_of, run
from wsdoctor.recording.case import Case, Handshake
from wsdoctor.recording.events import (
    ConnectionHeld,
    ConnectionReleased,
    ConnectionsKept,
    ProbeRead,
    ThreadsLeft,
    TimersLeft,
)
from wsdoctor.session import run as sessions
from wsdoctor.session.probes import Probe
from wsdoctor.session.run import SessionTarget, run_case


class Peer:
    """What a framework makes of ``receive`` and ``send``."""

    def __init__(self, receive: Any, send: Any) -> None:
        self.receive, self.send = receive, send
        self.friend: Peer | None = None


def keeping(keep: Callable[[Peer], object]) -> Any:
    """Gives each connection's object to ``keep``."""

    @application
    async def app(scope, receive, send):
        peer = Peer(receive, send)
        await peer.receive()
        await peer.send({"type": "websocket.accept"})
        keep(peer)
        while (await peer.receive())["type"] != "websocket.disconnect":
            pass

    return app


kept: set[Peer] = set()


class Book:
    def __init__(self) -> None:
        self.pages: dict[int, Peer] = {}

    def enter(self, peer: Peer) -> None:
        self.pages[id(peer)] = peer


book = Book()


def in_closure() -> Any:
    seen: list[Peer] = []
    return keeping(lambda peer: seen.append(peer))  # noqa: PLW0108 - the variable of a closure is meant


@pytest.mark.parametrize("server", [LEGACY, SANSIO])
@pytest.mark.parametrize(
    "app, kind, name, container",
    [
        (keeping(kept.add), "global", "kept", "set"),
        (keeping(book.enter), "attribute", "pages", "dict"),
        (in_closure(), "variable", "seen", "list"),
    ],
)
def test_the_container_that_holds_all_of_them_is_named(app, kind, name, container, server):
    recording = run(app, server=server)
    (event,) = all_of(recording, ConnectionsKept)
    assert event.count == 12
    held = event.holders[0]
    assert (held.kind, held.name, held.container, held.file) == (kind, name, container, __file__)


def forgets_later(peer: Peer) -> None:
    everybody = [peer]
    asyncio.get_running_loop().call_later(30, everybody.clear)


def bounded() -> Callable[[Peer], None]:
    last: list[Peer] = []

    def keep(peer: Peer) -> None:
        last.append(peer)
        del last[:-10]

    return keep


def cached() -> Callable[[Peer], object]:
    @functools.lru_cache(maxsize=100)
    def look_at(peer: Peer) -> int:
        return id(peer)

    return look_at


def selfish(peer: Peer) -> None:
    """A cycle: it goes when the collector comes."""
    peer.friend = peer


@pytest.mark.parametrize(
    "keep",
    [
        WeakSet[Peer]().add,
        deque[Peer](maxlen=100).append,
        bounded(),
        cached(),
        forgets_later,
        selfish,
        functools.partial(dict[str, Peer]().__setitem__, "last"),
    ],
    ids=["weak", "ring", "last ten", "cache", "later", "cycle", "slot"],
)
def test_what_keeps_a_few_or_for_a_while_is_none(keep):
    assert not all_of(run(keeping(keep)), ConnectionsKept)


def test_what_is_let_go_in_time_is_reported_with_its_time_and_no_client_comes_again():
    recording = run(keeping(forgets_later))
    (held,), (released,) = all_of(recording, ConnectionHeld), all_of(recording, ConnectionReleased)
    assert 25 <= released.time - held.time <= 100
    assert not all_of(recording, ConnectionHeld, connection=2)


def test_what_is_not_kept_costs_no_event():
    assert not all_of(run(keeping(id)), ConnectionHeld)


@pytest.mark.parametrize("kind", ["abort", "fin", "burst"])
def test_the_other_visitors_leave_as_the_first_one_did(kind):
    (event,) = all_of(run(keeping(kept.add), kind, "idle"), ConnectionsKept)
    assert event.count == 12


@pytest.mark.parametrize("keep, thawed", [(kept.add, 0), (forgets_later, 0), (bounded(), 1)])
def test_what_a_fork_has_frozen_is_collected_only_if_it_runs_another_session(
    keep, thawed, monkeypatch
):
    """One whose connections are held by the user's code runs no other."""
    monkeypatch.setattr(sessions, "_settled", [True])
    unfreeze, callers = gc.unfreeze, []

    def noted() -> None:
        callers.append(sys._getframe(1).f_code.co_filename)
        unfreeze()

    monkeypatch.setattr(gc, "unfreeze", noted)
    recording = run(keeping(keep))
    monkeypatch.undo()
    gc.unfreeze()
    assert callers.count(sessions.__file__) == thawed
    assert bool(all_of(recording, ConnectionsKept)) == (keep == kept.add)


# --- probes


def probed(app: Any, read: Callable[[], object]) -> list[tuple[int, str, str]]:
    case = Case("/ws", LEGACY, "close", "after-accept", Handshake("/ws"), probes=("count",))
    subject = SessionTarget(app, "asgi", USER_CODE, probes=(Probe("count", read),))
    recording = run_case(case, subject)
    return [
        (event.connection, event.when, event.value)
        for event in recording.events
        if isinstance(event, ProbeRead)
    ]


def test_a_probe_is_read_around_each_visit():
    numbers: list[int] = []
    read = probed(keeping(lambda peer: numbers.append(1)), lambda: numbers)
    assert read == [
        *((1, "before", "0"), (1, "after", "1")),
        *((2, "before", "1"), (2, "after", "2")),
        *((3, "before", "2"), (3, "after", "3")),
    ]


def test_a_probe_may_be_a_coroutine_function_and_may_take_its_time():
    count = 0

    def come(_: Peer) -> None:
        nonlocal count
        count += 1
        asyncio.get_running_loop().call_later(20, go)

    def go() -> None:
        nonlocal count
        count -= 1

    async def read() -> int:
        await asyncio.sleep(0)
        return count

    assert probed(keeping(come), read) == [(1, "before", "0"), (1, "after", "0")]


# --- threads


def waiting(*, told: bool) -> Any:
    """A thread with work to wait for; ``told``: until the handler says that there is none."""

    def work(inbox: queue.SimpleQueue[bool]) -> None:
        while inbox.get():
            pass

    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        inbox: queue.SimpleQueue[bool] = queue.SimpleQueue()
        threading.Thread(target=work, args=(inbox,), daemon=True).start()
        while (await receive())["type"] != "websocket.disconnect":
            pass
        if told:
            inbox.put(False)

    return app


def test_a_thread_that_waits_for_ever_is_left_and_one_that_is_signalled_is_not():
    recording = run(waiting(told=False))
    assert len(all_of(recording, ThreadsLeft)) == 2
    (event,) = all_of(recording, ThreadsLeft, connection=2)
    (left,) = event.threads
    assert left.runs.endswith("work")
    assert left.stack[-1].function.endswith("app")
    assert left.inside is not None
    assert left.inside.function.endswith("work")
    assert not all_of(run(waiting(told=True)), ThreadsLeft)


def test_the_idle_threads_of_a_pool_belong_to_no_connection():
    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.to_thread(id, 1)
        while (await receive())["type"] != "websocket.disconnect":
            pass

    assert not all_of(run(app), ThreadsLeft)


def test_no_name_of_the_applications_holds_what_a_thread_does():
    inboxes: list[queue.SimpleQueue[bool]] = []

    def work(peer: Peer, inbox: queue.SimpleQueue[bool]) -> None:
        while inbox.get():
            pass

    def keep(peer: Peer) -> None:
        inboxes.append(queue.SimpleQueue())
        threading.Thread(target=work, args=(peer, inboxes[-1]), daemon=True).start()

    try:
        recording = run(keeping(keep))
    finally:
        for inbox in inboxes:
            inbox.put(False)
    assert all_of(recording, ThreadsLeft)
    # They meet in `threading._active`, to whose module many a name of the application's leads.
    assert not any(event.holders for event in all_of(recording, ConnectionsKept))


# --- timers


def ticking(start: Callable[[Callable[[], None]], object]) -> Any:
    """Has ``start`` begin what sets a timer every ten seconds, and leaves it when the client goes."""

    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        loop = asyncio.get_running_loop()

        def tick() -> None:
            loop.call_later(10, tick)

        start(tick)
        while (await receive())["type"] != "websocket.disconnect":
            pass

    return app


def test_a_timer_that_sets_the_next_one_is_reported_with_both_lines():
    recording = run(ticking(lambda tick: tick()))
    assert len(all_of(recording, TimersLeft)) == 2
    (event,) = all_of(recording, TimersLeft, connection=2)
    (place,) = event.places
    assert place.function.endswith("tick")


def test_one_that_the_first_client_has_started_for_all_is_reported_for_the_first_only():
    started: list[bool] = []

    def once(tick: Callable[[], None]) -> None:
        if not started:
            started.append(True)
            tick()

    recording = run(ticking(once))
    assert all_of(recording, TimersLeft)
    assert not all_of(recording, TimersLeft, connection=2)


def test_a_timer_that_fires_once_is_none_however_late():
    recording = run(ticking(lambda _: asyncio.get_running_loop().call_later(600, id, 1)))
    assert not all_of(recording, TimersLeft)


def test_one_that_waits_for_the_client_to_come_back_ends_by_itself():
    rounds: list[int] = []

    def wait(_: Callable[[], None]) -> None:
        left = iter(range(30))  # for five minutes

        def look() -> None:
            rounds.append(1)
            if next(left, None) is not None:
                asyncio.get_running_loop().call_later(10, look)

        look()

    recording = run(ticking(wait))
    assert len(rounds) >= 30
    assert not all_of(recording, TimersLeft)


def test_it_is_reported_next_to_a_connection_that_is_kept():
    @application
    async def app(scope, receive, send):
        peer = Peer(receive, send)
        everybody.append(peer)
        await receive()
        await send({"type": "websocket.accept"})
        loop = asyncio.get_running_loop()

        def tick() -> None:
            loop.call_later(10, tick)

        tick()
        while (await peer.receive())["type"] != "websocket.disconnect":
            pass

    everybody: list[Peer] = []
    recording = run(app)
    assert all_of(recording, ConnectionsKept)
    assert len(all_of(recording, TimersLeft)) == 2

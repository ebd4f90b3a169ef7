"""Locks and semaphores that a connection acquires, and what of them is left held when it is over."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from tests.session.apps import application
from tests.session.cells import ALL, LEGACY, all_of, run
from wsdoctor.private.anyio import anyio_locks
from wsdoctor.recording.events import LocksLeft, TaskCreated

ALL_OF_THEM: tuple[Callable[[], Any], ...] = (
    asyncio.Lock,
    lambda: asyncio.Semaphore(3),
    lambda: asyncio.BoundedSemaphore(3),
    anyio.Lock,
    lambda: anyio.Semaphore(3),
    lambda: anyio.CapacityLimiter(3),
)


def holding(body: Callable[[Any], Any]) -> Any:
    """Accepts, does ``body`` with ``receive``, and lets whatever it ends with pass by."""

    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})

        async def until_gone():
            while (await receive())["type"] != "websocket.disconnect":
                pass
            raise ConnectionError

        with contextlib.suppress(ConnectionError, TimeoutError, anyio.WouldBlock):
            await body(until_gone)

    return app


def forgetting(lock: Any) -> Any:
    async def body(until_gone):
        await lock.acquire()
        await until_gone()
        lock.release()

    return holding(body)


def looks(recording: Any) -> list[list[tuple[str, list[tuple[int, str]]]]]:
    """At each look, the kinds of the locks that were left, and how the others got on with them."""
    return [
        [(left.kind, [(met.connection, met.how) for met in left.met]) for left in event.locks]
        for event in all_of(recording, LocksLeft)
    ]


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize(
    "make, kind, how, free",
    [
        (asyncio.Lock, "asyncio.Lock", "waits", None),
        (lambda: asyncio.Semaphore(3), "asyncio.Semaphore", "keeps", 1),
        (lambda: asyncio.Semaphore(1), "asyncio.Semaphore", "waits", 0),
        (lambda: asyncio.BoundedSemaphore(3), "asyncio.BoundedSemaphore", "keeps", 1),
        (asyncio.Condition, "asyncio.Condition", "waits", None),  # made before anybody looks
        (anyio.Lock, "anyio.Lock", "waits", None),
        (anyio.Condition, "anyio.Lock", "waits", None),
        (lambda: anyio.Semaphore(3), "anyio.Semaphore", "keeps", 1),
        (lambda: anyio.CapacityLimiter(3), "anyio.CapacityLimiter", "keeps", 1),
        (lambda: anyio.CapacityLimiter(1), "anyio.CapacityLimiter", "waits", 0),
    ],
)
def test_what_is_never_released(make, kind, how, free, server):
    recording = run(forgetting(make()), server=server)
    assert looks(recording) == [[(kind, [])], [(kind, [(2, how)])]]
    left = all_of(recording, LocksLeft)[-1].locks[0]
    assert left.stack[-1].function == "forgetting.<locals>.body"
    assert left.free == free


def in_vain(lock: asyncio.Lock) -> Any:
    async def body(until_gone):
        await asyncio.wait_for(lock.acquire(), 5)
        await until_gone()
        lock.release()

    return holding(body)


def refused(limiter: anyio.CapacityLimiter) -> Any:
    async def body(until_gone):
        limiter.acquire_nowait()
        await until_gone()
        limiter.release()

    return holding(body)


def asked(lock: asyncio.Lock) -> Any:
    async def body(until_gone):
        if not lock.locked():
            await lock.acquire()
            await until_gone()
            lock.release()

    return holding(body)


@pytest.mark.parametrize(
    "app, how",
    [
        (in_vain(asyncio.Lock()), "in-vain"),
        (refused(anyio.CapacityLimiter(1)), "refused"),
        (asked(asyncio.Lock()), "refused"),
    ],
)
def test_who_waits_in_a_task_of_its_own_or_does_not_wait(app, how):
    recording = run(app)
    assert [others for ((_, others),) in looks(recording)] == [[], [(2, how)]]
    left = all_of(recording, LocksLeft)[-1].locks[0]
    assert left.stack[-1].function.endswith("<locals>.body")
    if how == "in-vain":
        assert left.met[0].seconds == pytest.approx(5)


def guarded(lock: Any) -> Any:
    async def body(until_gone):
        async with lock:
            await until_gone()

    return holding(body)


def own(make: Callable[[], Any]) -> Any:
    async def body(until_gone):
        await make().acquire()
        await until_gone()

    return holding(body)


def by_callback(lock: asyncio.Lock) -> Any:
    async def body(until_gone):
        await lock.acquire()
        asyncio.current_task().add_done_callback(lambda _: lock.release())
        await until_gone()

    return holding(body)


def later(lock: asyncio.Lock) -> Any:
    async def body(until_gone):
        await lock.acquire()
        try:
            await until_gone()
        finally:
            asyncio.get_running_loop().call_later(60, lock.release)

    return holding(body)


def for_each_message(seats: asyncio.Semaphore) -> Any:
    """Those who wait for a message take what the one who brings them has put there."""

    async def bring():
        for _ in range(3):
            await asyncio.sleep(0.2)
            seats.release()

    async def body(until_gone):
        task = asyncio.create_task(bring())
        await seats.acquire()
        await task
        await until_gone()

    return holding(body)


def cancelled(lock: asyncio.Lock) -> Any:
    async def body(until_gone):
        async with lock:
            task = asyncio.create_task(lock.acquire())
            await asyncio.sleep(0)
            task.cancel()
            await until_gone()

    return holding(body)


def lowered(limit: asyncio.Semaphore) -> Any:
    """The first one takes a permit away for good; all others share what is left."""
    taken: list[int] = []

    async def body(until_gone):
        if not taken:
            taken.append(1)
            await limit.acquire()
        async with limit:
            await until_gone()

    return holding(body)


def by_the_next(lock: asyncio.Lock) -> Any:
    async def body(until_gone):
        if lock.locked():
            lock.release()
        await lock.acquire()
        await until_gone()

    return holding(body)


@pytest.mark.parametrize(
    "app, seen",
    [
        *((guarded(make()), 0) for make in (*ALL_OF_THEM, asyncio.Condition, anyio.Condition)),
        *((own(make), 0) for make in ALL_OF_THEM),
        (by_callback(asyncio.Lock()), 0),
        (for_each_message(asyncio.Semaphore(0)), 0),
        (cancelled(asyncio.Lock()), 0),
        (later(asyncio.Lock()), 1),
        (by_the_next(asyncio.Lock()), 1),
    ],
)
def test_what_is_released_or_goes_with_the_connection(app, seen):
    assert len(looks(run(app))) == seen


def test_what_no_other_client_suffers_from():
    assert [others for ((_, others),) in looks(run(lowered(asyncio.Semaphore(5))))] == [[], []]


def test_a_condition_keeps_the_line_at_which_its_lock_was_acquired():
    changed = asyncio.Condition()

    async def body(until_gone):
        await changed.acquire()
        asyncio.get_running_loop().call_later(0.1, asyncio.create_task, notify())
        await changed.wait()
        await until_gone()
        changed.release()

    async def notify():
        async with changed:
            changed.notify()

    (first, *_) = all_of(run(holding(body)), LocksLeft)
    assert first.locks[0].stack[-1].line == body.__code__.co_firstlineno + 1


def test_a_task_that_acquires_is_called_as_ever():
    lock = asyncio.Lock()

    async def body(until_gone):
        await asyncio.create_task(lock.acquire())
        lock.release()
        await until_gone()

    names = [event.coroutine for event in all_of(run(holding(body)), TaskCreated)]
    assert "Lock.acquire" in names


def test_nothing_of_it_stays_when_the_session_is_over():
    classes = [asyncio.Lock, asyncio.Semaphore, asyncio.Condition, *anyio_locks()]
    before = [dict(vars(cls)) for cls in classes]
    made: deque[weakref.ref[asyncio.Condition]] = deque(
        maxlen=9
    )  # of a list that grows more clients come
    held: deque[asyncio.Condition] = deque(maxlen=1)

    async def body(until_gone):
        condition = asyncio.Condition()
        made.append(weakref.ref(condition))
        if not held:
            held.append(condition)  # it keeps what it took of its lock while that was observed
        async with condition:
            await until_gone()

    app = holding(body)
    run(app, server=LEGACY)
    run(app, server=LEGACY)
    assert [dict(vars(cls)) for cls in classes] == before
    gc.collect()
    assert [one() is not None for one in made] == [True, False]

    async def use():
        async with held[0]:
            assert held[0].locked()
        assert not held[0].locked()

    asyncio.run(use())


def test_a_condition_that_is_waited_for_until_a_cancellation_keeps_it_as_well():
    changed = asyncio.Condition()

    async def wait():
        await changed.acquire()
        await changed.wait()
        changed.release()

    async def body(until_gone):
        task = asyncio.create_task(wait())
        await asyncio.sleep(0.1)
        task.cancel()
        async with asyncio.timeout(1):
            await until_gone()

    left = all_of(run(holding(body)), LocksLeft)
    assert [event.locks[0].stack[-1].line for event in left] == [
        wait.__code__.co_firstlineno + 1
    ] * 2
    assert [met.how for met in left[-1].locks[0].met] == ["in-vain"]

"""The names in ``wsdoctor/private/asyncio.py``, one by one.

A red test here means that this version of Python has changed what wsdoctor builds on. Read the new source of
asyncio, then that module: no other module of wsdoctor knows these names.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar, copy_context
from typing import Any

import anyio
import anyio.streams.memory
import anyio.to_thread
import pytest

from wsdoctor.private.asyncio import (
    HANDLE_RUN,
    TellingEventLoop,
    awaited_future,
    end_is_awaited,
    free_permits,
    has_timer,
    is_child_watcher,
    is_scheduled,
    makes_self_pipe,
    next_timer,
    pipes,
    run_within,
    self_pipe,
    set_clock_resolution,
    stored_exception,
    time_out_ends,
    timer_of,
    wakes_without_news,
)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.SelectorEventLoop()
    yield loop
    loop.close()


async def _await(awaitable):
    return await awaitable


# --- asyncio


def test_a_handles_callback_runs_right_below_handle_run(loop):
    """``Handle._run`` is a Python function, and the frame that calls every callback and task step."""
    seen: list[bool] = []

    def called() -> None:
        caller = sys._getframe().f_back
        seen.append(caller is not None and caller.f_code is HANDLE_RUN)

    async def step() -> None:
        called_by = sys._getframe().f_back
        seen.append(called_by is not None and called_by.f_code is HANDLE_RUN)

    loop.call_soon(called)
    loop.run_until_complete(step())
    assert seen == [True, True]


def test_the_clock_resolution_decides_which_timers_are_due(loop):
    def fired_within(resolution: float) -> bool:
        set_clock_resolution(loop, resolution)
        fired: list[bool] = []
        timer = loop.call_later(0.05, fired.append, True)
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(asyncio.sleep(0))
        timer.cancel()
        return bool(fired)

    assert not fired_within(1e-9)
    assert fired_within(10.0)


def test_the_self_pipe_is_what_wakes_a_loop_from_a_thread(loop):
    registered = loop._selector.get_map()
    assert self_pipe(loop) in registered
    loop.call_soon_threadsafe(int)
    ready = loop._selector.select(0)
    assert [key.fd for key, _ in ready] == [self_pipe(loop)]


def test_a_futures_exception_can_be_seen_without_retrieving_it(loop):
    complaints: list[str] = []
    loop.set_exception_handler(lambda _loop, context: complaints.append(context["message"]))

    async def fail() -> None:
        raise LookupError("x")

    async def main() -> BaseException | None:
        task = asyncio.ensure_future(fail())
        await asyncio.wait([task])
        return stored_exception(task)

    error = loop.run_until_complete(main())
    gc.collect()
    assert isinstance(error, LookupError)
    assert complaints == ["Task exception was never retrieved"]


def test_a_future_without_an_exception_has_none(loop):
    future = loop.create_future()
    assert stored_exception(future) is None
    future.set_result(1)
    assert stored_exception(future) is None


def test_what_a_task_waits_for_can_be_seen(loop):
    async def main() -> None:
        future = loop.create_future()

        async def wait() -> None:
            await future

        task = asyncio.ensure_future(wait())
        assert awaited_future(task) is None, "it has not begun"
        await asyncio.sleep(0)
        assert awaited_future(task) is future
        outer = asyncio.ensure_future(_await(task))
        await asyncio.sleep(0)
        assert awaited_future(outer) is task
        future.set_result(None)
        await outer
        assert awaited_future(task) is None

    loop.run_until_complete(main())


def test_permits_that_are_free():
    async def taken() -> list[int | None]:
        found = []
        for permits in (asyncio.Semaphore(3), anyio.Semaphore(3), anyio.CapacityLimiter(3)):
            await permits.acquire()
            found.append(free_permits(permits))
        return [*found, free_permits(anyio.CapacityLimiter(float("inf")))]

    assert asyncio.run(taken()) == [2, 2, 2, None]
    assert free_permits(asyncio.Lock()) is None


def test_a_callback_runs_within_what_is_put_around_its_handle(loop):
    seen = []

    @contextlib.contextmanager
    def around():
        seen.append("before")
        yield
        seen.append("after")

    run_within(loop.call_soon(seen.append, "called"), around)
    loop.run_until_complete(asyncio.sleep(0))
    assert seen == ["before", "called", "after"]


def test_the_callback_that_steps_or_wakes_a_task_names_it(loop):
    future = loop.create_future()
    scheduled = []
    call_soon = loop.call_soon

    def looking(callback, *args, context=None):
        scheduled.append(getattr(callback, "__self__", None))
        return call_soon(callback, *args, context=context)

    vars(loop)["call_soon"] = looking

    async def wait():
        await future

    task = loop.create_task(wait())
    assert scheduled == [task], "its first step"
    loop.run_until_complete(asyncio.sleep(0))
    scheduled.clear()
    future.set_result(None)
    assert task in scheduled, "its wake-up"
    loop.run_until_complete(task)


def test_a_lock_and_room_in_a_queue_wake_without_news(loop):
    said = []
    call_soon = loop.call_soon

    def looking(callback, *args, context=None):
        said.append(wakes_without_news(sys._getframe(1)))
        return call_soon(callback, *args, context=context)

    async def main():
        lock, event = asyncio.Lock(), asyncio.Event()
        queue: asyncio.Queue[int] = asyncio.Queue(1)
        await lock.acquire()
        queue.put_nowait(1)
        waiting = [
            asyncio.ensure_future(one) for one in (lock.acquire(), queue.put(2), event.wait())
        ]
        await asyncio.sleep(0)
        vars(loop)["call_soon"] = looking
        for wake, expected in ((lock.release, True), (queue.get_nowait, True), (event.set, False)):
            said.clear()
            wake()
            assert said == [expected]
        del vars(loop)["call_soon"]
        await asyncio.gather(*waiting)

    loop.run_until_complete(main())


def test_the_timer_of_a_sleeping_task_is_known(loop):
    async def sleeps():
        await asyncio.sleep(3600)

    task = loop.create_task(sleeps())
    loop.run_until_complete(asyncio.sleep(0))
    due = timer_of(loop, task)
    assert due is not None
    assert 3500 < due - loop.time() <= 3600
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    assert timer_of(loop, task) is None


def test_a_timer_is_scheduled_until_it_fires_or_is_cancelled(loop):
    fired, cancelled = loop.call_later(0, int), loop.call_later(0, int)
    assert is_scheduled(fired)
    cancelled.cancel()
    assert not is_scheduled(cancelled)
    loop.run_until_complete(asyncio.sleep(0.001))
    assert not is_scheduled(fired)


owner: ContextVar[int] = ContextVar("owner", default=0)


def test_the_timers_of_a_connection_are_known_by_their_context(loop):
    assert next_timer(loop, owner, 7) is None
    context = copy_context()
    context.run(owner.set, 7)
    later = loop.call_later(3600, int, context=context)
    assert next_timer(loop, owner, 7) == later.when()
    assert next_timer(loop, owner, 8) is None
    assert has_timer(loop, lambda given: given.get(owner) == 7)
    assert not has_timer(loop, lambda given: given.get(owner) == 8)
    assert not time_out_ends(loop, owner)
    later.cancel()
    loop.call_later(0, int, context=context)
    assert time_out_ends(loop, owner)


def test_what_wakes_a_sleeper_is_no_timer_of_its_own(loop):
    async def sleeps():
        owner.set(7)
        await asyncio.sleep(3600)

    task = loop.create_task(sleeps())
    loop.run_until_complete(asyncio.sleep(0))
    assert not has_timer(loop, lambda given: given.get(owner) == 7)
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))


@pytest.mark.skipif(sys.platform == "win32", reason="a selector loop starts no processes there")
def test_a_child_process_and_the_wait_for_its_end_are_known():
    told: list[Any] = []

    class Loop(TellingEventLoop):
        def wrote(self, descriptor: int) -> None:
            told.append(descriptor)

        def started(self, transport: asyncio.SubprocessTransport, command: tuple[str, ...]) -> None:
            told.append((command[-1], pipes(transport), end_is_awaited(transport)))

    async def talks():
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "input()"), stdin=asyncio.subprocess.PIPE
        )
        transport = process._transport  # type: ignore[attr-defined]  # what is asked about
        waiting = asyncio.create_task(process.wait())
        await asyncio.sleep(0)
        assert end_is_awaited(transport)
        assert process.stdin is not None
        process.stdin.write(b"go on\n")
        await waiting
        assert not end_is_awaited(transport)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(talks())
    (command, (stdin,), awaited), written = told
    assert (command, awaited, written) == ("input()", False, stdin)


def test_a_loop_makes_its_self_pipe_where_that_is_seen(monkeypatch):
    seen: list[bool] = []
    pair = socket.socketpair

    def looking(*args):
        seen.append(makes_self_pipe(sys._getframe(1)))
        return pair(*args)

    monkeypatch.setattr(socket, "socketpair", looking)
    asyncio.SelectorEventLoop().close()
    assert seen == [True]
    for end in socket.socketpair():
        end.close()
    assert seen[1:] == [False]


def test_another_thread_is_no_child_watcher():
    watcher = threading.Thread(target=_do_waitpid)
    assert not is_child_watcher(threading.Thread(target=int))
    assert not is_child_watcher(watcher), "a function of that name which is not asyncio's"


def _do_waitpid() -> None:
    """The name of asyncio's own function, in another module."""

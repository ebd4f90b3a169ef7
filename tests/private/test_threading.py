"""The names in ``wsdoctor/private/threading.py``, one by one.

A red test here means that this version of Python has changed what wsdoctor builds on. Read the new source of
threading, then that module: no other module of wsdoctor knows these names.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import queue
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from logging.handlers import QueueListener
from types import FrameType

import anyio
import anyio.streams.memory
import anyio.to_thread
import pytest

from wsdoctor.private.threading import (
    arguments,
    cpu_time,
    handed_over,
    is_idle_pool_thread,
    is_log_listener,
    is_pool_thread,
    is_pool_worker,
    is_runnable,
    joined_thread,
    log_listener,
    running_future,
    starved_time,
    target_of,
    unnotified_wait,
    waits_for_a_thread,
)


def _until(condition: Callable[[], object], seconds: float = 2.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {condition}"
        time.sleep(0.0005)


async def _asyncly(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def _frame(thread: threading.Thread) -> FrameType | None:
    return sys._current_frames().get(thread.ident or 0)


# --- threads


@pytest.fixture
def pool() -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        yield pool


def _waits(thread: threading.Thread) -> bool:
    frame = _frame(thread)
    return frame is not None and unnotified_wait(frame) is not None


def _wait_event(event, _condition, _jobs, _future):
    event.wait()


def _wait_event_with_timeout(event, _condition, _jobs, _future):
    event.wait(5)


def _wait_condition(event, condition, _jobs, _future):
    with condition:
        condition.wait_for(event.is_set)


def _wait_queue(_event, _condition, jobs, _future):
    jobs.get()


def _wait_future(_event, _condition, _jobs, future):
    future.result()


def _get(jobs, _lock):
    return jobs.get()


def _acquire(_jobs, lock):
    return lock.acquire()


def _get_for_a_time(jobs, _lock):
    return jobs.get(True, 5)


class Thing:
    pass


def test_a_pools_thread_is_idle_only_without_work(pool):
    thread = pool.submit(threading.current_thread).result()
    release = threading.Event()
    _until(lambda: (frame := _frame(thread)) and is_idle_pool_thread(frame))
    frame = _frame(thread)
    assert frame is not None
    assert is_pool_thread(frame)

    running = pool.submit(release.wait, 5)
    _until(running.running)
    _until(lambda: (frame := _frame(thread)) and unnotified_wait(frame) is not None)
    frame = _frame(thread)
    assert frame is not None
    assert is_pool_thread(frame)
    assert not is_idle_pool_thread(frame)

    release.set()
    running.result()
    _until(lambda: (frame := _frame(thread)) and is_idle_pool_thread(frame))


@pytest.mark.parametrize("threads", [1, 3])
def test_a_pools_thread_is_not_idle_from_the_moment_it_is_given_work(threads):
    """While it is still asleep, and looks as if it had nothing to do."""
    barrier = threading.Barrier(threads)
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        pooled = [
            pool.submit(lambda: (barrier.wait(), threading.current_thread())[1])
            for _ in range(threads)
        ]
        workers = [future.result() for future in pooled]

        def idle() -> list[FrameType]:
            frames = [frame for worker in workers if (frame := _frame(worker)) is not None]
            return [frame for frame in frames if is_idle_pool_thread(frame)]

        for _ in range(200):
            _until(lambda: len(asleep := idle()) == threads and not handed_over(asleep))
            done = pool.submit(int)
            asleep = idle()
            busy = threads - len(asleep) + handed_over(asleep)
            assert busy >= 1 or done.done()


def test_another_thread_is_no_pools_thread():
    frame = sys._getframe()
    assert not is_pool_thread(frame)
    assert not is_idle_pool_thread(frame)


@pytest.mark.parametrize(
    "target, timeout",
    [
        (_wait_event, float("inf")),
        (_wait_event_with_timeout, 5.0),
        (_wait_condition, float("inf")),
        (_wait_queue, float("inf")),
        (_wait_future, float("inf")),
    ],
)
def test_a_wait_is_unnotified_until_another_thread_notifies_it(target, timeout):
    """And not a moment longer: the thread that was woken is at work, though it still sleeps."""
    for _ in range(50):
        event, condition = threading.Event(), threading.Condition()
        jobs: queue.Queue[int] = queue.Queue()
        future: concurrent.futures.Future[int] = concurrent.futures.Future()
        thread = threading.Thread(target=target, args=(event, condition, jobs, future), daemon=True)
        thread.start()
        _until(functools.partial(_waits, thread))
        frame = _frame(thread)
        assert frame is not None
        assert unnotified_wait(frame) == timeout
        event.set()
        with condition:
            condition.notify_all()
        jobs.put(1)
        future.set_result(1)
        after = _frame(thread)
        assert after is None or unnotified_wait(after) is None
        thread.join(5)
        assert not thread.is_alive()


def test_a_join_names_the_thread_that_is_joined():
    release = threading.Event()
    inner = threading.Thread(target=release.wait, args=(5,))
    inner.start()
    outer = threading.Thread(target=inner.join)
    outer.start()
    _until(lambda: (frame := _frame(outer)) and joined_thread(frame) is inner)
    assert joined_thread(sys._getframe()) is None
    release.set()
    outer.join(5)


@pytest.mark.parametrize(
    "call, waits",
    [(_get, "for ever"), (_acquire, "for ever"), (_get_for_a_time, "for a time")],
)
def test_a_call_in_c_is_known_by_the_instruction_of_its_caller(call, waits):
    jobs: queue.SimpleQueue[int] = queue.SimpleQueue()
    lock = threading.Lock()
    lock.acquire()
    thread = threading.Thread(target=call, args=(jobs, lock), daemon=True)
    thread.start()
    _until(lambda: (at := _frame(thread)) is not None and waits_for_a_thread(at) == waits)
    jobs.put(1)
    lock.release()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("started", [[], [(int,)]], ids=["new", "used"])
@pytest.mark.parametrize("lend", [asyncio.to_thread, anyio.to_thread.run_sync])
def test_a_pools_thread_that_was_lent_a_call_in_c_tells_which(lend, started):
    """``_WorkItem`` keeps it as ``fn`` and ``args``; anyio's worker has it in ``func`` and ``args``."""
    jobs: queue.SimpleQueue[int] = queue.SimpleQueue()
    before = set(sys._current_frames())  # pytest-xdist has threads of its own

    def is_waiting() -> bool:
        frames = [at for thread, at in sys._current_frames().items() if thread not in before]
        return any(
            waits_for_a_thread(at) == "for ever" and unnotified_wait(at) is None for at in frames
        )

    async def main() -> int:
        for call in started:
            await lend(*call)
        assert not is_waiting()
        waiting = asyncio.ensure_future(lend(jobs.get))
        await _asyncly(is_waiting)
        jobs.put(3)
        return await waiting

    assert asyncio.run(main()) == 3


def test_what_a_function_was_called_with_is_kept_no_longer_than_it_keeps_it():
    seen: list[object] = []
    gone: list[bool] = []

    def function(given: str, other: int) -> None:
        thing = Thing()
        alive = weakref.ref(thing)
        seen.extend(arguments(sys._getframe()))
        del thing
        gone.append(alive() is None)

    function("a", 1)
    assert (seen, gone) == (["a", 1], [True])


def test_what_locals_gave_is_left_as_it_is():
    def function(given: str) -> dict[str, object]:
        mine = locals()
        arguments(sys._getframe())
        return mine

    assert function("a")["given"] == "a"


def test_the_thread_of_a_log_listener_is_known():
    listener = QueueListener(queue.Queue())
    listener.start()
    try:
        # Others may be there: an application of another test has one of its own.
        (thread,) = (one for one in threading.enumerate() if log_listener(one) is listener)
        assert is_log_listener(thread)
        assert not is_log_listener(threading.current_thread())
    finally:
        listener.stop()


def test_a_pools_worker_is_known_by_what_it_runs(pool):
    thread = pool.submit(threading.current_thread).result()
    assert is_pool_worker(thread)
    other = threading.Thread(target=int)
    assert target_of(other) is int
    assert not is_pool_worker(other)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_linux_tells_what_a_thread_has_used_and_whether_it_could_run():
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        _until(lambda: not is_runnable(thread))
        used = cpu_time(thread)
        assert used is not None
        assert used == cpu_time(thread), "it sleeps"
        assert starved_time(thread) >= 0
    finally:
        end.set()
        thread.join()
    assert is_runnable(threading.current_thread())
    assert cpu_time(thread) is None, "it has ended"


def test_the_call_that_a_pools_thread_has_not_finished_is_known(pool):
    end, begun = threading.Event(), threading.Event()

    def work():
        begun.set()
        end.wait()
        return threading.current_thread()

    future = pool.submit(work)
    begun.wait()
    try:
        (frame,) = (
            found
            for thread in threading.enumerate()
            if is_pool_worker(thread)
            and (found := _frame(thread)) is not None
            and running_future(found) is not None
        )
        assert running_future(frame) is future
    finally:
        end.set()
    future.result()
    assert running_future(sys._getframe()) is None

"""The private names of Python and anyio that ``wsdoctor/sim/private.py`` leans on, one by one.

A red test here means: this Python (or anyio) has changed what we build on. Read the module's new
source, then ``private.py``; nothing else of wsdoctor knows these names.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import gc
import queue
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from types import FrameType

import anyio
import anyio.streams.memory
import anyio.to_thread
import pytest

from wsdoctor.sim import private


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


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.SelectorEventLoop()
    yield loop
    loop.close()


# --- asyncio


def test_a_handles_callback_runs_right_below_handle_run(loop):
    """``Handle._run`` is a Python function, and the frame that calls every callback and task step."""
    seen: list[bool] = []

    def called() -> None:
        caller = sys._getframe().f_back
        seen.append(caller is not None and caller.f_code is private.HANDLE_RUN)

    async def step() -> None:
        called_by = sys._getframe().f_back
        seen.append(called_by is not None and called_by.f_code is private.HANDLE_RUN)

    loop.call_soon(called)
    loop.run_until_complete(step())
    assert seen == [True, True]


def test_the_clock_resolution_decides_which_timers_are_due(loop):
    def fired_within(resolution: float) -> bool:
        private.set_clock_resolution(loop, resolution)
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
    assert private.self_pipe(loop) in registered
    loop.call_soon_threadsafe(int)
    ready = loop._selector.select(0)
    assert [key.fd for key, _ in ready] == [private.self_pipe(loop)]


def test_a_futures_exception_can_be_seen_without_retrieving_it(loop):
    complaints: list[str] = []
    loop.set_exception_handler(lambda _loop, context: complaints.append(context["message"]))

    async def fail() -> None:
        raise LookupError("x")

    async def main() -> BaseException | None:
        task = asyncio.ensure_future(fail())
        await asyncio.wait([task])
        return private.stored_exception(task)

    error = loop.run_until_complete(main())
    gc.collect()
    assert isinstance(error, LookupError)
    assert complaints == ["Task exception was never retrieved"]


def test_a_future_without_an_exception_has_none(loop):
    future = loop.create_future()
    assert private.stored_exception(future) is None
    future.set_result(1)
    assert private.stored_exception(future) is None


def test_what_a_task_waits_for_can_be_seen(loop):
    async def main() -> None:
        future = loop.create_future()

        async def wait() -> None:
            await future

        task = asyncio.ensure_future(wait())
        assert private.awaited_future(task) is None, "it has not begun"
        await asyncio.sleep(0)
        assert private.awaited_future(task) is future
        outer = asyncio.ensure_future(_await(task))
        await asyncio.sleep(0)
        assert private.awaited_future(outer) is task
        future.set_result(None)
        await outer
        assert private.awaited_future(task) is None

    loop.run_until_complete(main())


async def _await(awaitable):
    return await awaitable


# --- anyio


def test_an_anyio_worker_thread_tells_whether_it_has_work(loop):
    workers: list[threading.Thread] = []
    done = threading.Event()

    def work() -> None:
        workers.append(threading.current_thread())
        done.wait(5)

    async def main() -> None:
        task = asyncio.ensure_future(anyio.to_thread.run_sync(work))
        await _asyncly(lambda: bool(workers))
        assert [private.has_unfinished_work(thread) for thread in workers] == [True]
        done.set()
        await task
        await _asyncly(lambda: not private.has_unfinished_work(workers[0]))

    loop.run_until_complete(asyncio.wait_for(main(), 5))
    assert not private.has_unfinished_work(threading.main_thread())


def test_an_anyio_worker_has_work_from_the_moment_it_is_given_some(loop):
    """Before its thread has noticed: otherwise the clock would jump in between."""

    async def main() -> None:
        # One of an earlier test may still be about to end.
        worker = await anyio.to_thread.run_sync(threading.current_thread)
        await _asyncly(lambda: not private.has_unfinished_work(worker))
        task = asyncio.ensure_future(anyio.to_thread.run_sync(time.sleep, 0.02))
        for _ in range(5):
            await asyncio.sleep(0)
        assert private.has_unfinished_work(worker)
        await task

    loop.run_until_complete(main())


def test_the_coroutine_that_an_anyio_task_group_was_given_can_be_seen(loop):
    created: list[object] = []

    def factory(loop, coro, **options):
        created.append(private.wrapped_coroutine(coro))
        return asyncio.Task(coro, loop=loop, **options)

    async def job() -> None:
        pass

    async def main() -> None:
        loop.set_task_factory(factory)
        async with anyio.create_task_group() as group:
            group.start_soon(job)
        await asyncio.create_task(job())
        loop.set_task_factory(None)

    loop.run_until_complete(main())
    assert [getattr(coro, "__name__", None) for coro in created] == ["job", "job"]


def test_anyios_cancel_scopes_hash_by_the_order_in_which_they_are_made(loop):
    """A set of them then has the same order in every run; one that was made before keeps its hash."""

    async def main() -> None:
        before = anyio.CancelScope()
        kept = {before}
        private.number_cancel_scopes()
        first = [anyio.CancelScope() for _ in range(4)]
        hashes = [hash(scope) for scope in first]
        private.number_cancel_scopes()
        again = [anyio.CancelScope() for _ in range(4)]
        assert hashes == sorted(set(hashes))
        assert [hash(scope) for scope in again] == hashes
        assert len({*first, *again}) == 8, "equal hashes make no equal scopes"
        assert before in kept

    loop.run_until_complete(main())


# --- threads


@pytest.fixture
def pool() -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        yield pool


def test_a_pools_thread_is_idle_only_without_work(pool):
    thread = pool.submit(threading.current_thread).result()
    release = threading.Event()
    _until(lambda: (frame := _frame(thread)) and private.is_idle_pool_thread(frame))
    frame = _frame(thread)
    assert frame is not None
    assert private.is_pool_thread(frame)

    running = pool.submit(release.wait, 5)
    _until(running.running)
    _until(lambda: (frame := _frame(thread)) and private.unnotified_wait(frame) is not None)
    frame = _frame(thread)
    assert frame is not None
    assert private.is_pool_thread(frame)
    assert not private.is_idle_pool_thread(frame)

    release.set()
    running.result()
    _until(lambda: (frame := _frame(thread)) and private.is_idle_pool_thread(frame))


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
            return [frame for frame in frames if private.is_idle_pool_thread(frame)]

        for _ in range(200):
            _until(lambda: len(asleep := idle()) == threads and not private.handed_over(asleep))
            done = pool.submit(int)
            asleep = idle()
            busy = threads - len(asleep) + private.handed_over(asleep)
            assert busy >= 1 or done.done()


def test_another_thread_is_no_pools_thread():
    frame = sys._getframe()
    assert not private.is_pool_thread(frame)
    assert not private.is_idle_pool_thread(frame)


def _waits(thread: threading.Thread) -> bool:
    frame = _frame(thread)
    return frame is not None and private.unnotified_wait(frame) is not None


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
def test_a_wait_is_unnotified_until_somebody_notifies_it(target, timeout):
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
        assert private.unnotified_wait(frame) == timeout
        event.set()
        with condition:
            condition.notify_all()
        jobs.put(1)
        future.set_result(1)
        after = _frame(thread)
        assert after is None or private.unnotified_wait(after) is None
        thread.join(5)
        assert not thread.is_alive()


def test_a_join_names_the_thread_that_is_joined():
    release = threading.Event()
    inner = threading.Thread(target=release.wait, args=(5,))
    inner.start()
    outer = threading.Thread(target=inner.join)
    outer.start()
    _until(lambda: (frame := _frame(outer)) and private.joined_thread(frame) is inner)
    assert private.joined_thread(sys._getframe()) is None
    release.set()
    outer.join(5)


def test_the_classes_behind_anyios_locks_are_those_that_a_running_loop_gives():
    async def given() -> list[type]:
        return [type(anyio.Lock()), type(anyio.Semaphore(1)), type(anyio.CapacityLimiter(1))]

    assert list(private.anyio_locks()) == asyncio.run(given())


def test_permits_that_are_free():
    async def taken() -> list[int | None]:
        found = []
        for permits in (asyncio.Semaphore(3), anyio.Semaphore(3), anyio.CapacityLimiter(3)):
            await permits.acquire()
            found.append(private.free_permits(permits))
        return [*found, private.free_permits(anyio.CapacityLimiter(float("inf")))]

    assert asyncio.run(taken()) == [2, 2, 2, None]
    assert private.free_permits(asyncio.Lock()) is None


def test_a_callback_runs_within_what_is_put_around_its_handle(loop):
    seen = []

    @contextlib.contextmanager
    def around():
        seen.append("before")
        yield
        seen.append("after")

    private.run_within(loop.call_soon(seen.append, "called"), around)
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
        said.append(private.wakes_without_news(sys._getframe(1)))
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


def test_the_ends_of_a_memory_object_stream_share_what_holds_the_items(loop):
    async def main():
        sender, receiver = anyio.create_memory_object_stream[str](2)
        assert private.anyio_streams() == ((type(sender), type(receiver)),)
        assert private.stream_state(sender) is private.stream_state(receiver)
        sender.send_nowait("item")
        assert list(private.stream_state(receiver).buffer) == ["item"]
        assert receiver.receive_nowait() == "item"
        sender.close()
        receiver.close()

    loop.run_until_complete(main())


def _get(jobs, _lock):
    return jobs.get()


def _acquire(_jobs, lock):
    return lock.acquire()


def _get_for_a_time(jobs, _lock):
    return jobs.get(True, 5)


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
    _until(lambda: (at := _frame(thread)) is not None and private.waits_for_a_thread(at) == waits)
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
            private.waits_for_a_thread(at) == "for ever" and private.unnotified_wait(at) is None
            for at in frames
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


class Thing:
    pass


def test_what_a_function_was_called_with_is_kept_no_longer_than_it_keeps_it():
    seen: list[object] = []
    gone: list[bool] = []

    def function(given: str, other: int) -> None:
        thing = Thing()
        alive = weakref.ref(thing)
        seen.extend(private.arguments(sys._getframe()))
        del thing
        gone.append(alive() is None)

    function("a", 1)
    assert (seen, gone) == (["a", 1], [True])


def test_what_locals_gave_is_left_as_it_is():
    def function(given: str) -> dict[str, object]:
        mine = locals()
        private.arguments(sys._getframe())
        return mine

    assert function("a")["given"] == "a"

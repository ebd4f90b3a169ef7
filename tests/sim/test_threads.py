"""Threads: work that was lent to them stops the virtual clock, waiting for the loop does not."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import functools
import queue
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from tests.sim.loops import run, stopwatch
from wsdoctor.sim.engine import VirtualEventLoop
from wsdoctor.sim.threads import Activity, Rests, activity

BUSY = 0.05
"""Real seconds of work in a thread: far more than a loop needs to jump, little enough to wait for."""


def work() -> str:
    time.sleep(BUSY)
    return "done"


async def executor() -> str:
    return await asyncio.get_running_loop().run_in_executor(None, work)


async def own_executor() -> str:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, work)


async def submitted() -> str:
    """Handed to a pool behind the loop's back."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return await asyncio.wrap_future(pool.submit(work))


async def submitted_to_sleepers() -> str:
    """Threads that are there already, and asleep, when they are given their work."""
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for _ in range(5):
            await asyncio.wrap_future(pool.submit(int))
        time.sleep(0.01)  # noqa: ASYNC251 - until all of them sleep
        return await asyncio.wrap_future(pool.submit(work))


async def queued() -> str:
    """Two calls and one thread: one of them waits in the pool's queue."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        both = await asyncio.gather(*(asyncio.wrap_future(pool.submit(work)) for _ in range(2)))
    return both[-1]


async def to_thread() -> str:
    return await asyncio.to_thread(work)


async def many() -> str:
    done = await asyncio.gather(*(asyncio.to_thread(work) for _ in range(5)))
    return done[-1]


async def anyio_worker() -> str:
    return await anyio.to_thread.run_sync(work)


async def anyio_warm() -> str:
    """The second call finds an idle worker thread."""
    await anyio.to_thread.run_sync(int)
    return await anyio.to_thread.run_sync(work)


async def one_works_one_waits() -> str:
    """A thread that waits for the loop says nothing about another one that works."""
    loop = asyncio.get_running_loop()
    release = asyncio.Event()
    waiter = threading.Thread(
        target=lambda: asyncio.run_coroutine_threadsafe(release.wait(), loop).result(), daemon=True
    )
    waiter.start()
    done = await asyncio.to_thread(work)
    release.set()
    await asyncio.to_thread(waiter.join)
    return done


@pytest.mark.parametrize(
    "lend",
    [
        executor,
        own_executor,
        submitted,
        submitted_to_sleepers,
        queued,
        to_thread,
        many,
        anyio_worker,
        anyio_warm,
        one_works_one_waits,
    ],
)
def test_lent_work_stops_the_clock(lend: Callable[[], Awaitable[str]]):
    """A time-out of 20 virtual seconds does not fire during 50 real milliseconds."""

    async def main() -> tuple[str, float]:
        async with asyncio.timeout(20):
            done = await lend()
        return done, asyncio.get_running_loop().time()

    for _ in range(3):
        with stopwatch() as watch:
            (done, ended), loop = run(main())
        assert done == "done"
        assert watch.seconds >= BUSY
        assert ended < 0.01, "the clock ran while the work was under way"
        # The thread that waits is the application's own, and at work until it waits.
        assert not loop.used_wall_time or lend is one_works_one_waits


@pytest.mark.parametrize("lend", [asyncio.to_thread, anyio.to_thread.run_sync])
def test_work_that_is_not_waited_for_any_more_still_stops_the_clock(lend):
    """A cancelled await does not end the thread, and what the thread does next may be for the loop."""

    async def main() -> tuple[float, bool]:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        began = threading.Event()

        def busy() -> None:
            began.set()
            time.sleep(BUSY)
            loop.call_soon_threadsafe(done.set)

        task = asyncio.ensure_future(
            asyncio.to_thread(busy)
            if lend is asyncio.to_thread
            else anyio.to_thread.run_sync(busy, abandon_on_cancel=True)
        )
        await _asyncly(began)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        began_at = loop.time()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                await done.wait()
        return loop.time() - began_at, done.is_set()

    (waited, done), _ = run(main())
    assert done
    assert waited < 1


def test_a_pool_that_has_nothing_to_do_does_not_stop_the_clock():
    async def main() -> float:
        await asyncio.to_thread(int)
        await anyio.to_thread.run_sync(int)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            pool.submit(int).result()
            await asyncio.sleep(500)
        return asyncio.get_running_loop().time()

    with stopwatch() as watch:
        ended, loop = run(main())
    assert ended == pytest.approx(500, abs=0.01)
    assert watch.seconds < 2
    assert not loop.used_wall_time


def _from_executor(loop: asyncio.AbstractEventLoop) -> Awaitable[float]:
    def call() -> float:
        return asyncio.run_coroutine_threadsafe(asyncio.sleep(3, loop.time), loop).result()()

    return asyncio.to_thread(call)


def _from_anyio(loop: asyncio.AbstractEventLoop) -> Awaitable[float]:
    def call() -> float:
        anyio.from_thread.run(anyio.sleep, 3)
        return anyio.from_thread.run_sync(loop.time)

    return anyio.to_thread.run_sync(call)


def _from_anyio_in_executor(loop: asyncio.AbstractEventLoop) -> Awaitable[float]:
    """The first of two workers waits for the loop while the second works."""

    def call() -> float:
        anyio.from_thread.run(anyio.sleep, 3)
        return loop.time()

    async def both() -> float:
        ended, _ = await asyncio.gather(anyio.to_thread.run_sync(call), asyncio.to_thread(work))
        return ended

    return both()


def _from_own_thread(loop: asyncio.AbstractEventLoop) -> Awaitable[float]:
    ended = loop.create_future()

    def call() -> None:
        asyncio.run_coroutine_threadsafe(asyncio.sleep(3), loop).result()
        loop.call_soon_threadsafe(lambda: ended.set_result(loop.time()))

    threading.Thread(target=call, daemon=True).start()
    return ended


@pytest.mark.parametrize(
    "wait", [_from_executor, _from_anyio, _from_anyio_in_executor, _from_own_thread]
)
def test_a_thread_that_waits_for_a_timer_of_the_loop_lets_the_clock_move(wait):
    async def main() -> float:
        return await wait(asyncio.get_running_loop())

    with stopwatch() as watch:
        ended, _ = run(main())
    assert ended == pytest.approx(3, abs=0.2)
    assert watch.seconds < 1.5


async def _asyncly(event: threading.Event) -> None:
    while not event.is_set():
        await asyncio.sleep(0)


@contextlib.contextmanager
def _thread(target: Callable[[], object]) -> Iterator[None]:
    thread = threading.Thread(target=target, name="serving", daemon=True)
    thread.start()
    yield
    thread.join(5)
    assert not thread.is_alive()


def test_a_busy_thread_of_the_applications_own_runs_on_the_wall_clock_and_so_does_the_loop():
    stop = threading.Event()

    def poll() -> None:
        while not stop.is_set():
            time.sleep(0.001)

    async def main() -> float:
        await asyncio.sleep(0.1)
        return asyncio.get_running_loop().time()

    with stopwatch() as watch, _thread(poll):
        ended, loop = run(main())
        stop.set()
    assert loop.used_wall_time
    assert ended == pytest.approx(0.1, abs=0.01)
    assert watch.seconds >= 0.09


def test_what_a_busy_thread_hands_over_arrives_in_time():
    async def main() -> str:
        loop = asyncio.get_running_loop()
        got: asyncio.Queue[str] = asyncio.Queue()

        def produce() -> None:
            time.sleep(BUSY)
            loop.call_soon_threadsafe(got.put_nowait, "news")

        with _thread(produce):
            async with asyncio.timeout(2):
                return await got.get()

    got, loop = run(main())
    assert got == "news"
    assert loop.used_wall_time


def accepting() -> tuple[socket.socket, Callable[[], None]]:
    """A listening socket, and what a thread of an application's own that serves it does."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, lambda: serve(listener, lambda: None)


def serve(listener: socket.socket, then: Callable[[], object]) -> None:
    """Take connections, doing ``then`` after each, until one says something."""
    while True:
        with listener.accept()[0] as connection:
            if connection.recv(1):
                return
            then()


def test_a_thread_that_the_system_has_yet_to_begin_stops_the_clock(monkeypatch):
    """The thread that started it waits for it to begin, and nothing else wakes that thread."""
    started = threading.Thread(target=print)
    monkeypatch.setattr(threading, "enumerate", lambda: [threading.current_thread(), started])
    assert activity(0, Rests()) is Activity.LENT


def test_a_thread_that_stands_in_a_call_for_good_comes_to_rest():
    """Metrics are served, say: the first session sees so in an instant in which the clock stands."""
    listener, serve = accepting()
    with _thread(serve), closed(listener):
        for _ in range(2):
            with stopwatch() as watch:
                _, loop = run(asyncio.sleep(100))
            assert loop.ended == pytest.approx(100)
            assert not loop.used_wall_time
            assert watch.seconds < 5


def test_a_thread_at_rest_that_goes_to_work_is_at_work_again():
    listener, serve = accepting()
    with _thread(serve), closed(listener):
        run(asyncio.sleep(100))

        async def main() -> float:
            loop = asyncio.get_running_loop()
            socket.create_connection(listener.getsockname()).close()
            time.sleep(0.02)  # noqa: ASYNC251 - until it has been served
            rests, thread = Rests(), next(t for t in threading.enumerate() if t.name == "serving")
            frame = sys._current_frames()[thread.ident]
            assert rests.of(thread, frame) is Activity.UNSURE
            await asyncio.sleep(100)
            return loop.time()

        ended, _ = run(main())
    assert ended == pytest.approx(100)


def test_a_thread_that_has_fed_a_loop_never_rests():
    """What it will hand over next may be what a time-out waits for."""
    listener, _ = accepting()

    async def feed() -> None:
        loop = asyncio.get_running_loop()
        got = asyncio.Event()
        tell = functools.partial(loop.call_soon_threadsafe, got.set)
        threading.Thread(target=serve, args=(listener, tell), daemon=True).start()
        socket.create_connection(listener.getsockname()).close()
        await got.wait()

    with closed(listener):
        run(feed())
        with stopwatch() as watch:
            _, loop = run(asyncio.sleep(0.5))
    assert loop.used_wall_time
    assert watch.seconds >= 0.4


@contextlib.contextmanager
def ticking(
    pause: float, at_the_end: Callable[[], object] = lambda: None
) -> Iterator[tuple[threading.Thread, threading.Event]]:
    """A thread of the application's own that looks for a flag every ``pause`` wall seconds."""
    stop = threading.Event()

    def tick() -> None:
        while not stop.is_set():
            time.sleep(pause)
        at_the_end()

    with _thread(tick):
        thread = next(t for t in threading.enumerate() if t.name == "serving")
        yield thread, stop
        stop.set()


@pytest.fixture
def soon_apart(monkeypatch):
    monkeypatch.setattr("wsdoctor.sim.threads._APART_AFTER", 0.2)
    monkeypatch.setattr("wsdoctor.sim.threads._APART", set())
    monkeypatch.setattr("wsdoctor.sim.threads._FEEDERS", set())


def test_a_thread_that_only_ticks_is_apart_and_holds_the_clock_no_more(soon_apart):
    with ticking(0.01), stopwatch() as watch:
        _, loop = run(asyncio.sleep(100))
    assert loop.ended == pytest.approx(100)
    assert loop.used_wall_time  # the report says so
    assert watch.seconds < 5


class Worker(threading.Thread):
    """Answers what it is given, as aiosqlite's thread does: its queue waits in C."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.given: queue.SimpleQueue[asyncio.Future[str] | None] = queue.SimpleQueue()

    def run(self) -> None:
        while (future := self.given.get()) is not None:
            time.sleep(0.05)
            future.get_loop().call_soon_threadsafe(future.set_result, "done")


def test_a_thread_at_an_empty_simple_queue_holds_the_clock_no_more():
    worker = Worker()
    worker.start()

    async def main() -> float:
        for _ in range(2):
            future = asyncio.get_running_loop().create_future()
            worker.given.put(future)
            async with asyncio.timeout(5):
                assert await future == "done"
            await asyncio.sleep(500)
        return asyncio.get_running_loop().time()

    with stopwatch() as watch:
        ended, _ = run(main())
    worker.given.put(None)
    assert ended >= 1000
    assert watch.seconds < 20


def test_a_thread_that_reads_holds_the_clock_for_a_second_though_it_feeds_the_loop():
    ours, theirs = socket.socketpair()
    heard: list[bytes] = []

    def listen(loop: asyncio.AbstractEventLoop) -> None:
        with theirs:
            while data := theirs.recv(10):
                loop.call_soon_threadsafe(heard.append, data)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=listen, args=(loop,), daemon=True)
        thread.start()
        ours.send(b"x")
        await asyncio.sleep(500)
        ours.close()
        thread.join()

    with stopwatch() as watch:
        run(main())
    assert heard == [b"x"]
    assert watch.seconds < 60


def test_a_thread_that_computes_is_not_apart(soon_apart):
    stop = threading.Event()

    def compute() -> None:
        while not stop.is_set():
            sum(range(1000))

    with _thread(compute), stopwatch() as watch:
        run(asyncio.sleep(0.5))
        stop.set()
    assert watch.seconds >= 0.4


def test_a_lent_call_that_waits_for_a_thread_that_is_apart_is_waited_for(soon_apart):
    with ticking(0.05) as (thread, stop):

        async def main() -> None:
            await asyncio.sleep(100)
            stop.set()
            async with asyncio.timeout(20):
                await asyncio.to_thread(thread.join)

        run(main())


def test_a_thread_that_is_apart_is_looked_at_again_after_the_end_of_a_connection(soon_apart):
    """A tool asked it to stop, and it reports its end."""
    ways: list[Callable[[], object]] = []

    def tell() -> None:
        ways[0]()

    with ticking(0.05, tell) as (_, stop):

        async def main() -> None:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualEventLoop)
            over = asyncio.Event()
            ways.append(functools.partial(loop.call_soon_threadsafe, over.set))
            await asyncio.sleep(100)
            loop.connection_ends()
            stop.set()
            async with asyncio.timeout(20):
                await over.wait()

        run(main())


@contextlib.contextmanager
def closed(listener: socket.socket) -> Iterator[None]:
    """Ends the thread that serves ``listener``: no close() of a socket wakes a thread in its accept()."""
    with listener:
        yield
        with socket.create_connection(listener.getsockname()) as connection:
            connection.sendall(b"x")
            connection.recv(1)


@pytest.mark.parametrize("kind", ["queue", "event", "condition", "join"])
def test_a_thread_that_waits_for_work_does_not_hold_the_clock(kind):
    jobs: queue.Queue[str | None] = queue.Queue()
    released = threading.Event()
    condition = threading.Condition()

    def wait() -> None:
        if kind == "queue":
            jobs.get()
        elif kind == "event":
            released.wait()
        elif kind == "condition":
            with condition:
                condition.wait_for(released.is_set)
        else:
            inner = threading.Thread(target=released.wait)
            inner.start()
            inner.join()

    async def main() -> float:
        await asyncio.sleep(300)
        return asyncio.get_running_loop().time()

    with stopwatch() as watch, _thread(wait):
        time.sleep(0.02)  # until it waits
        ended, loop = run(main())
        jobs.put(None)
        released.set()
        with condition:
            condition.notify_all()
    assert ended == pytest.approx(300)
    assert watch.seconds < 1
    assert not loop.used_wall_time


def in_a_function_that_calls(function: Callable[..., str], *args: object) -> Awaitable[str]:
    """Lends a call as asgiref does: a function of a library calls what it was given."""

    def call(func: Callable[..., str], *args: object, **kwargs: object) -> str:
        return func(*args, **kwargs)

    run_it = functools.partial(call, contextvars.copy_context().run, functools.partial(function))
    return asyncio.get_running_loop().run_in_executor(None, run_it, *args)


def in_the_loops_executor(function: Callable[[], str]) -> Awaitable[str]:
    return asyncio.get_running_loop().run_in_executor(None, function)


LENDS = [
    *(asyncio.to_thread, anyio.to_thread.run_sync),
    *(in_the_loops_executor, in_a_function_that_calls),
]


@pytest.mark.parametrize("lend", LENDS)
@pytest.mark.parametrize("kind", [queue.Queue, queue.SimpleQueue])
def test_a_lent_call_that_waits_for_another_thread_does_not_hold_the_clock(lend, kind):
    """``asyncio.to_thread(jobs.get)`` is not at work: the code that puts something in counts."""
    jobs: queue.Queue[str] | queue.SimpleQueue[str] = kind()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number in range(1, 31):
            job = asyncio.ensure_future(lend(jobs.get))
            await asyncio.sleep(300)
            jobs.put("a job")
            # The thread sleeps still. Where a queue hands over what is put in, it is empty already.
            async with asyncio.timeout(20):
                assert await job == "a job"
            assert loop.time() == pytest.approx(300 * number, abs=1)

    with stopwatch() as watch:
        run(main())
    assert watch.seconds < 20


def test_a_pool_that_has_miscounted_its_idle_threads_does_not_hold_the_clock():
    """A thread that finishes may take the item for which the pool has counted an idle one."""
    pool = concurrent.futures.ThreadPoolExecutor(1)
    pool.submit(int).result()

    async def main() -> float:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(pool)
        await loop.run_in_executor(None, int)
        while not pool._idle_semaphore.acquire(timeout=0):
            await asyncio.sleep(0)
        await asyncio.sleep(300)
        return loop.time()

    with stopwatch() as watch:
        ended, _ = run(main())
    assert ended == pytest.approx(300, abs=2)
    assert watch.seconds < 5


@pytest.mark.parametrize("lend", LENDS)
def test_a_lent_call_that_waits_for_a_lock_does_not_hold_the_clock(lend):
    lock = threading.Lock()

    async def main() -> float:
        lock.acquire()
        acquired = asyncio.ensure_future(lend(lock.acquire))
        await asyncio.sleep(300)
        lock.release()
        async with asyncio.timeout(20):
            assert await acquired
        return asyncio.get_running_loop().time()

    with stopwatch() as watch:
        ended, _ = run(main())
    assert ended == pytest.approx(300, abs=1)
    assert watch.seconds < 5


@pytest.mark.parametrize("lend", LENDS)
def test_a_lent_call_that_sleeps_holds_the_clock(lend):
    """It is in C as well, and goes on by itself."""

    async def main() -> float:
        async with asyncio.timeout(20):
            await lend(functools.partial(time.sleep, BUSY))
        return asyncio.get_running_loop().time()

    ended, _ = run(main())
    assert ended < 20


def test_a_thread_that_is_given_a_job_is_waited_for_before_it_has_woken():
    jobs: queue.Queue[asyncio.Future[None] | None] = queue.Queue()

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def serve() -> None:
            while (wanted := jobs.get()) is not None:
                loop.call_soon_threadsafe(wanted.set_result, None)

        with _thread(serve):
            for _ in range(50):
                wanted = loop.create_future()
                jobs.put(wanted)
                async with asyncio.timeout(5):
                    await wanted
                await asyncio.sleep(1)
            jobs.put(None)

    _, loop = run(main())
    assert loop.ended == pytest.approx(50, abs=0.5)


def test_a_stuck_call_costs_its_patience_once_and_not_at_each_timer(monkeypatch):
    monkeypatch.setattr("wsdoctor.sim.clock._PATIENCE", 0.1)
    stop = threading.Event()

    def stuck() -> None:
        while not stop.is_set():
            time.sleep(0.001)

    async def main() -> None:
        task = asyncio.ensure_future(asyncio.to_thread(stuck))
        for _ in range(20):
            await asyncio.sleep(0.01)
        stop.set()
        await task

    with stopwatch() as watch:
        run(main())
    assert 0.2 <= watch.seconds < 1


def test_lent_work_that_never_ends_is_not_waited_for_for_ever(monkeypatch):
    """After some patience the clock runs at wall pace, so that time-outs still come."""
    monkeypatch.setattr("wsdoctor.sim.clock._PATIENCE", 0.05)
    stop = threading.Event()

    def stuck() -> None:
        while not stop.is_set():
            time.sleep(0.001)

    async def main() -> bool:
        task = asyncio.ensure_future(asyncio.to_thread(stuck))
        try:
            async with asyncio.timeout(0.1):
                await asyncio.shield(task)
        except TimeoutError:
            return True
        finally:
            stop.set()
            await task
        return False

    with stopwatch() as watch:
        timed_out, loop = run(main())
    assert timed_out
    assert loop.used_wall_time
    assert 0.1 <= watch.seconds < 2


def test_the_executor_can_be_shut_down_while_a_cancelled_call_still_runs():
    """As a session does at its end: the joining thread waits for real work, and that is no deadlock."""
    began = threading.Event()

    def busy() -> None:
        began.set()
        time.sleep(BUSY)

    async def main() -> None:
        task = asyncio.ensure_future(asyncio.to_thread(busy))
        await _asyncly(began)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.get_running_loop().shutdown_default_executor()

    with stopwatch() as watch:
        loop = VirtualEventLoop()
        loop.run_until_complete(main())
        ended = loop.time()
        loop.close()
    assert watch.seconds >= BUSY * 0.9
    assert ended < 1

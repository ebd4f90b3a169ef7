"""Every private name of asyncio and anyio that wsdoctor leans on, in one file.

``tests/sim/test_private.py`` fails loudly on a Python that changed one of them.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
import itertools
import queue
import sys
import threading
import time
from asyncio import events
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import thread as pool
from contextvars import Context
from logging.handlers import QueueListener
from types import CodeType, FrameType
from typing import Any

HANDLE_RUN: CodeType = events.Handle._run.__code__  # noqa: SLF001 - the frame below which a callback's stack begins
_POOL_WORKER: CodeType = pool._worker.__code__  # noqa: SLF001 - what each thread of a pool runs
_CPU_CLOCK_OF_THREAD = 0b110
"""CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED (linux/posix-timers.h)."""
_CONDITION_WAIT: CodeType = threading.Condition.wait.__code__
_JOINS: frozenset[CodeType] = frozenset(
    function.__code__
    for name in (
        "join",
        "_wait_for_tstate_lock",
    )  # the second one is where join() waits before 3.13
    if (function := getattr(threading.Thread, name, None)) is not None
)


def set_clock_resolution(loop: asyncio.AbstractEventLoop, resolution: float) -> None:
    """Timers within ``resolution`` seconds of the loop's time are due (BaseEventLoop._run_once)."""
    loop._clock_resolution = resolution  # type: ignore[attr-defined]  # noqa: SLF001 - BaseEventLoop has no setter


def self_pipe(loop: asyncio.AbstractEventLoop) -> int:
    """The descriptor by which other threads wake the loop."""
    return int(loop._ssock.fileno())  # type: ignore[attr-defined]  # noqa: SLF001 - not a connection of the app's


def stored_exception(future: asyncio.Future[Any]) -> BaseException | None:
    """The exception of a finished future, without marking it as retrieved.

    ``Future.exception()`` would silence "exception was never retrieved", which is a finding.
    """
    exception: BaseException | None = getattr(future, "_exception", None)
    return exception


def awaited_future(task: asyncio.Task[Any]) -> asyncio.Future[Any] | None:
    """The future that a suspended task waits for."""
    waiter: asyncio.Future[Any] | None = getattr(task, "_fut_waiter", None)
    return waiter


def callback_context(handle: asyncio.Handle | None) -> Context:
    """The context in which a callback runs (``Handle.get_context()`` came with 3.12)."""
    return Context() if handle is None else getattr(handle, "_context", Context())


def wrapped_coroutine(coro: object) -> object:
    """The coroutine that an anyio task group was given, if ``coro`` is what it makes of it.

    Its tasks run ``TaskHandle._run_coro()`` (seen in 4.16), which awaits the user's own.
    """
    frame = getattr(coro, "cr_frame", None)
    owner = None if frame is None else frame.f_locals.get("self")
    if type(owner).__module__.partition(".")[0] != "anyio":
        return coro
    return getattr(owner, "_coro", coro)


_scopes: dict[int, int] = {}
"""The numbers of anyio's cancel scopes, by address; the next one at an address has a new number."""

_numbers = itertools.count(1)


def number_cancel_scopes() -> None:
    """From now on anyio's cancel scopes hash by the order in which they are made, from 1.

    A task group cancels its tasks in the order of a set of their scopes; by address that order,
    and with it the order of everything that follows, would be chance. Scopes that were made before
    hash as ever, for they may be in sets.
    """
    global _numbers  # noqa: PLW0603 - as the class that it is about
    _numbers = itertools.count(1)
    backend = sys.modules.get("anyio._backends._asyncio")
    if backend is None and "anyio" in sys.modules:
        # anyio imports it when it is first used, which may be in the session that is to come.
        backend = importlib.import_module("anyio._backends._asyncio")
    if backend is None or "__hash__" in vars(backend.CancelScope):
        return
    initialise = backend.CancelScope.__init__

    def numbered(self: Any, *args: Any, **options: Any) -> None:
        _scopes[id(self)] = next(_numbers)
        initialise(self, *args, **options)

    def number(self: Any) -> int:
        return _scopes.get(id(self)) or object.__hash__(self)

    backend.CancelScope.__init__ = numbered
    backend.CancelScope.__hash__ = number


def anyio_locks() -> tuple[type, ...]:
    """The classes of anyio's locks, semaphores and limiters on asyncio; none if it is not imported.

    What ``anyio.Lock()`` gives, with or without a running loop, ends up in one of these.
    """
    backend = sys.modules.get("anyio._backends._asyncio")
    if backend is None:
        return ()
    # Those of older versions are the same on every backend.
    places = (backend, sys.modules["anyio"])
    return tuple(
        next(cls for place in places if (cls := getattr(place, name, None)) is not None)
        for name in ("Lock", "Semaphore", "CapacityLimiter")
    )


def free_permits(lock: object) -> int | None:
    """The permits that a semaphore or limiter has left; None of a lock.

    asyncio's semaphore only tells whether there are any.
    """
    if isinstance(lock, asyncio.Semaphore):
        return lock._value  # noqa: SLF001 - as above
    left = getattr(lock, "value", getattr(lock, "available_tokens", None))
    return None if left is None or left == float("inf") else int(left)


def has_unfinished_work(thread: threading.Thread) -> bool:
    """True for an anyio worker thread that was given a call and has not finished it."""
    work = getattr(thread, "queue", None)
    return isinstance(work, queue.Queue) and work.unfinished_tasks > 0


_WORK_RUN: CodeType = pool._WorkItem.run.__code__  # noqa: SLF001 - where such a thread runs what was submitted


def running_future(frame: FrameType) -> concurrent.futures.Future[Any] | None:
    """The future of the call that a pool's thread at ``frame`` has not finished."""
    current: FrameType | None = frame
    while current is not None:
        if current.f_code is _WORK_RUN:
            future: concurrent.futures.Future[Any] | None = current.f_locals["self"].future
            return future
        current = current.f_back
    return None


def context_of_call(thread: threading.Thread, frame: FrameType) -> Context | None:
    """The context in which an anyio worker at ``frame`` runs a call that it has not finished."""
    if not has_unfinished_work(thread):
        return None
    current: FrameType | None = frame
    while current is not None:
        if isinstance(current.f_locals.get("context"), Context):
            found: Context = current.f_locals["context"]
            return found
        current = current.f_back
    return None


def is_anyio_worker(thread: threading.Thread) -> bool:
    """True for a thread of anyio's, which does one call after the other."""
    return type(thread).__module__.startswith("anyio.") and hasattr(thread, "queue")


def is_log_listener(thread: threading.Thread) -> bool:
    """True for the thread of a ``QueueListener``: it writes logs, and hands nothing to any loop."""
    target = getattr(thread, "_target", None)
    return isinstance(getattr(target, "__self__", None), QueueListener)


def is_pool_worker(thread: threading.Thread) -> bool:
    """True for a thread of a ``concurrent.futures.ThreadPoolExecutor``, started or not."""
    target = getattr(thread, "_target", None)
    return getattr(target, "__code__", None) is _POOL_WORKER


def cpu_time(thread: threading.Thread) -> float | None:
    """Seconds of processor time that ``thread`` has used; None where the platform does not tell.

    Linux numbers the clock of a thread by its native id, and says so if there is none any more;
    ``time.pthread_getcpuclockid`` would read the memory of a thread that has just ended.
    """
    if sys.platform != "linux" or thread.native_id is None:
        return None
    try:
        return time.clock_gettime((~thread.native_id << 3) | _CPU_CLOCK_OF_THREAD)
    except OSError:
        return None


def is_pool_thread(frame: FrameType) -> bool:
    """True if ``frame`` is in a thread of a ``concurrent.futures.ThreadPoolExecutor``."""
    current: FrameType | None = frame
    while current is not None:
        if current.f_code is _POOL_WORKER:
            return True
        current = current.f_back
    return False


def is_idle_pool_thread(frame: FrameType) -> bool:
    """True if ``frame`` is where such a thread waits for its next work item, and none is queued."""
    if frame.f_code is not _POOL_WORKER:
        return False
    names = frame.f_locals
    return names.get("work_item") is None and names["work_queue"].empty()


def handed_over(idle: Iterable[FrameType]) -> int:
    """How many of the threads at ``idle`` were given a work item and have not woken yet.

    Since 3.13 a queue hands an item to the thread that waits for it and stays empty, so only the
    pool's own count of idle threads tells. (Before 3.13 that count may be too high.)
    """
    pools = Counter(frame.f_locals["executor_reference"]() for frame in idle)
    return sum(
        max(0, asleep - executor._idle_semaphore._value)  # noqa: SLF001 - as above
        for executor, asleep in pools.items()
        if executor is not None
    )


def unnotified_wait(frame: FrameType) -> float | None:
    """The time-out (``inf`` without one) of a ``Condition.wait()`` that nobody has notified yet.

    Events, queues, barriers, semaphores and futures all wait in there. None if ``frame`` is
    elsewhere, or was notified: the thread runs on as soon as it is given the GIL.
    """
    if frame.f_code is not _CONDITION_WAIT:
        return None
    names = frame.f_locals
    if names.get("waiter") not in names["self"]._waiters:  # noqa: SLF001 - a lock cannot be asked who waits for it
        return None
    timeout = names.get("timeout")
    return float("inf") if timeout is None else float(timeout)


def joined_thread(frame: FrameType) -> threading.Thread | None:
    """The thread whose end is waited for at ``frame`` (``Thread.join()``), None anywhere else."""
    if frame.f_code in _JOINS:
        thread: threading.Thread = frame.f_locals["self"]
        return thread
    return None

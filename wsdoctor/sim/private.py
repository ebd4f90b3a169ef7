"""Every private name of asyncio and anyio that wsdoctor leans on, in one file.

``tests/sim/test_private.py`` fails loudly on a Python that changed one of them.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import dis
import functools
import importlib
import itertools
import os
import queue
import sys
import threading
import time
import weakref
from asyncio import events, selector_events
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import thread as pool
from contextlib import AbstractContextManager
from contextvars import Context, ContextVar
from dataclasses import dataclass
from logging.handlers import QueueListener
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Literal

HANDLE_RUN: CodeType = events.Handle._run.__code__  # noqa: SLF001 - the frame below which a callback's stack begins
_POOL_WORKER: CodeType = pool._worker.__code__  # noqa: SLF001 - what each thread of a pool runs
_CPU_CLOCK_OF_THREAD = 0b110
"""CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED (linux/posix-timers.h)."""
_SelectorSocketTransport: Any = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]  # noqa: SLF001 - it has no public name
_WritePipeTransport: Any = object
"""Told apart from its subclasses by type; ``object`` where a selector loop has no pipes (Windows)."""
if sys.platform != "win32":
    from asyncio import unix_events

    _WritePipeTransport = unix_events._UnixWritePipeTransport  # type: ignore[attr-defined]  # noqa: SLF001 - as above
_MAKE_SELF_PIPE: CodeType = selector_events.BaseSelectorEventLoop._make_self_pipe.__code__  # type: ignore[attr-defined]  # noqa: SLF001 - as above
_END_OF_SLEEP: Any = asyncio.futures._set_result_unless_cancelled  # type: ignore[attr-defined]  # noqa: SLF001 - what wakes asyncio.sleep()
_CONDITION_WAIT: CodeType = threading.Condition.wait.__code__
_LOCK: Any = type(threading.Lock())
_JOINS: frozenset[CodeType] = frozenset(
    function.__code__
    for name in (
        "join",
        "_wait_for_tstate_lock",
    )  # the second one is where join() waits before 3.13
    if (function := getattr(threading.Thread, name, None)) is not None
)


class TellingEventLoop(asyncio.SelectorEventLoop):
    """A selector loop that tells what is written to descriptors, and which processes are started."""

    def told_of_writes(self, descriptor: int) -> bool:
        """From now on ``wrote`` is called for ``descriptor``; False if it belongs to no transport of asyncio's.

        Of datagrams nobody knows whether an answer is expected: they are transports, and not told of.
        """
        transport = getattr(self, "_transports", {}).get(descriptor)
        if type(transport) is _SelectorSocketTransport:
            transport.__class__ = _TellingSocketTransport
        return transport is not None

    def wrote(self, descriptor: int) -> None:
        """Something was written to ``descriptor``."""

    def started(self, transport: asyncio.SubprocessTransport, command: tuple[str, ...]) -> None:
        """A child process was started."""

    def _make_write_pipe_transport(self, *args: Any, **named: Any) -> asyncio.WriteTransport:
        transport: asyncio.WriteTransport = super()._make_write_pipe_transport(*args, **named)  # type: ignore[misc]  # it is in no stub
        if type(transport) is _WritePipeTransport:
            transport.__class__ = _TellingPipeTransport
        return transport

    async def _make_subprocess_transport(
        self, protocol: asyncio.BaseProtocol, args: Any, *others: Any, **named: Any
    ) -> asyncio.SubprocessTransport:
        transport: asyncio.SubprocessTransport = await super()._make_subprocess_transport(  # type: ignore[misc]  # as above
            protocol, args, *others, **named
        )
        line = (args,) if isinstance(args, str | bytes) else args
        self.started(transport, tuple(os.fsdecode(part) for part in line))
        return transport


class _TellingSocketTransport(_SelectorSocketTransport):  # type: ignore[misc]  # it has no stub
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._loop.wrote(self._sock_fd)
        super().write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self._loop.wrote(self._sock_fd)
        super().writelines(list_of_data)


class _TellingPipeTransport(_WritePipeTransport):  # type: ignore[misc]  # it has no stub
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._loop.wrote(self._fileno)
        super().write(data)


def makes_self_pipe(frame: FrameType | None) -> bool:
    """Whether an event loop is opening the sockets by which other threads wake it, at ``frame`` or in a caller."""
    while frame is not None:
        if frame.f_code is _MAKE_SELF_PIPE:
            return True
        frame = frame.f_back
    return False


def pipes(transport: asyncio.SubprocessTransport) -> tuple[int, ...]:
    """The descriptors by which a child process is talked to."""
    ours = (transport.get_pipe_transport(number) for number in range(3))
    found = (pipe.get_extra_info("pipe").fileno() for pipe in ours if pipe is not None)
    return tuple(descriptor for descriptor in found if descriptor >= 0)


def end_is_awaited(transport: asyncio.SubprocessTransport) -> bool:
    """Whether somebody waits for a child process to end (``Process.wait()``)."""
    waiters = getattr(transport, "_exit_waiters", None)
    return any(not waiter.done() for waiter in waiters or ())


def time_out_ends(loop: asyncio.AbstractEventLoop, owner: ContextVar[int]) -> bool:
    """Whether a timer is due that a connection's code has set, and that no ``sleep()`` waits for."""
    for handle in getattr(loop, "_scheduled", ()):
        if handle.cancelled() or handle.when() > loop.time():
            continue
        callback = handle._callback  # noqa: SLF001 - it has no public name
        owned = callback_context(handle).get(owner, 0)
        if owned and callback is not _END_OF_SLEEP and not _is_of_the_harness(callback):
            return True
    return False


def next_timer(
    loop: asyncio.AbstractEventLoop, owner: ContextVar[int], number: int
) -> float | None:
    """When the next timer is due that the code of connection ``number`` has set, by the loop's clock."""
    return min(
        (
            handle.when()
            for handle in getattr(loop, "_scheduled", ())
            if not handle.cancelled()
            and callback_context(handle).get(owner, 0) == number
            and not _is_of_the_harness(handle._callback)  # noqa: SLF001 - it has no public name
        ),
        default=None,
    )


def timer_of(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> float | None:
    """When the timer is due that ends what ``task`` awaits (``asyncio.sleep``); None if there is none."""
    waiter = awaited_future(task)
    return min(
        (
            handle.when()
            for handle in getattr(loop, "_scheduled", ())
            if not handle.cancelled()
            and waiter is not None
            and any(one is waiter for one in handle._args or ())  # noqa: SLF001 - it has no public name
        ),
        default=None,
    )


def is_scheduled(timer: asyncio.TimerHandle) -> bool:
    """Whether ``timer`` is still to fire."""
    return bool(timer._scheduled) and not timer.cancelled()  # type: ignore[attr-defined]  # noqa: SLF001 - it has no public name


def _is_of_the_harness(callback: object) -> bool:
    """Whether a callback belongs to wsdoctor, or to the server under test."""
    while isinstance(callback, functools.partial):
        callback = callback.func
    package = str(getattr(callback, "__module__", "")).partition(".")[0]
    return package in {"wsdoctor", "uvicorn"}


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


def anyio_streams() -> tuple[tuple[type, type], ...]:
    """The two ends of anyio's memory object streams; none if anyio is not imported."""
    memory = sys.modules.get("anyio.streams.memory")
    if memory is None:
        return ()
    return ((memory.MemoryObjectSendStream, memory.MemoryObjectReceiveStream),)


def stream_state(stream: Any) -> Any:
    """What all ends of one memory object stream share; its ``buffer`` holds the items."""
    return stream._state  # noqa: SLF001 - the ends have no public name for it


_WITHOUT_NEWS = frozenset(
    {
        *("Lock.acquire", "Lock.release", "Semaphore.acquire", "Semaphore.release"),
        *("CapacityLimiter.release_on_behalf_of", "Queue.get_nowait"),
        "MemoryObjectReceiveStream.receive_nowait",
    }
)


def wakes_without_news(frame: FrameType | None) -> bool:
    """Whether a lock, or room in a queue, is given back at ``frame``: that says nothing to a waiter."""
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in {"asyncio", "anyio", "wsdoctor"}:
            return False
        if frame.f_code.co_qualname in _WITHOUT_NEWS:
            return True
        frame = frame.f_back
    return False


_within: weakref.WeakKeyDictionary[asyncio.Handle, Callable[[], AbstractContextManager[None]]] = (
    weakref.WeakKeyDictionary()
)


class _HandleWithin(events.Handle):
    """A handle whose callback runs within a context manager."""

    __slots__ = ()

    def _run(self) -> None:
        with _within.pop(self)():
            super()._run()


def run_within(handle: asyncio.Handle, manager: Callable[[], AbstractContextManager[None]]) -> None:
    """Let the callback of ``handle``, which has not run yet, run within what ``manager`` gives."""
    _within[handle] = manager
    handle.__class__ = _HandleWithin


_WAITS = frozenset({"_set_result_unless_cancelled", "_release_waiter", "_on_timeout"})
"""The callbacks of ``asyncio.sleep``, ``wait_for`` and ``timeout``: they wake a task."""


def has_timer(loop: asyncio.AbstractEventLoop, context: Callable[[Context], bool]) -> bool:
    """Whether a callback is set for later, other than to wake a task, in a ``context`` that fits."""
    return any(
        not handle.cancelled()
        and getattr(handle._callback, "__name__", "") not in _WAITS  # noqa: SLF001 - a handle tells nobody
        and context(callback_context(handle))
        for handle in getattr(loop, "_scheduled", ())
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


def is_child_watcher(thread: threading.Thread) -> bool:
    """True for a thread in which asyncio waits for the end of a child process."""
    target = getattr(thread, "_target", None)
    return getattr(target, "__name__", "") == "_do_waitpid" and str(
        getattr(target, "__module__", "")
    ).startswith("asyncio.")


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


def is_runnable(thread: threading.Thread) -> bool:
    """Whether ``thread`` runs, or could run if a processor were free; False where the platform does not tell."""
    try:
        stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[:1] == [b"R"]


def starved_time(thread: threading.Thread) -> float:
    """Seconds for which ``thread`` could have run, and other processes had the processors.

    0 where the platform does not tell: it is the second number of Linux' ``schedstat``.
    """
    try:
        told = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text(encoding="ascii")
        return int(told.split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


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


def arguments(frame: FrameType) -> list[object]:
    """What the function that ``frame`` runs was called with, as its parameters are now."""
    variables, code = frame.f_locals, frame.f_code
    found = [variables.get(name) for name in code.co_varnames[: code.co_argcount]]
    # Before 3.13 it is a copy that stays with the frame and keeps all that it holds alive. It is also what
    # `locals()` gave the user's code, which may still use it.
    if type(variables) is dict and sys.getrefcount(variables) == _OF_NOBODY_ELSE:
        variables.clear()
    return found


_OF_NOBODY_ELSE = 3
"""References to a frame's variables while they are looked at: the frame's, the name's and the call's."""


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


@dataclass(frozen=True, slots=True)
class _Call:
    """A call as it is written: ``path`` leads from a variable to the object whose method ``name`` is.

    It is empty where a variable of that ``name`` is called.
    """

    name: str
    path: tuple[str, ...]
    arguments: int


@functools.lru_cache(maxsize=256)
def _call_at(code: CodeType, instruction: int) -> _Call | None:
    """The call that ``code`` makes at ``instruction``, of a variable or of a method."""
    before: list[dis.Instruction] = []
    for current in dis.get_instructions(code):
        if current.offset == instruction:
            break
        before.append(current)
    else:
        return None
    here = current.positions
    if here is None or here.lineno is None or not current.opname.startswith("CALL"):
        return None
    names: list[str] = []
    for earlier in before:
        there = earlier.positions
        if there is None or (there.lineno, there.col_offset) != (here.lineno, here.col_offset):
            continue
        if earlier.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_GLOBAL", "LOAD_NAME")):
            names = [str(earlier.argval)]
        elif earlier.opname in {"LOAD_ATTR", "LOAD_METHOD"} and names:
            names.append(str(earlier.argval))
    if not names:
        return None
    return _Call(names[-1], tuple(names[:-1]), current.arg or 0)


def called_method(frame: FrameType) -> str:
    """The function that is called at ``frame``, by its name: what has no frame of its own is in C."""
    call = _call_at(frame.f_code, frame.f_lasti)
    return "" if call is None else call.name


def waits_for_a_thread(frame: FrameType) -> Literal["", "for ever", "for a time"]:
    """Whether ``frame`` is in a call, in C, that only another thread ends.

    Those are ``SimpleQueue.get()`` of an empty queue, and ``acquire()`` of a lock that is held.
    """
    found = _called_in_c(frame)
    if found is None:
        return ""
    name, owner, arguments = found
    if isinstance(owner, queue.SimpleQueue):
        waits = name == "get" and owner.empty()
    else:
        waits = name == "acquire" and isinstance(owner, _LOCK) and owner.locked()
    return "" if not waits else "for a time" if arguments else "for ever"


def _called_in_c(frame: FrameType) -> tuple[str, object, int] | None:
    """The method that is called at ``frame``: its name, its object, and how many arguments it gets.

    Threads of pools call what they were given: ``asyncio.to_thread(jobs.get)`` has no frame that says so.
    """
    call = _call_at(frame.f_code, frame.f_lasti)
    if call is None:
        return None
    names = frame.f_locals
    first, *others = (*call.path, call.name)
    found: Any = names.get(first, frame.f_globals.get(first))
    owner: Any = found
    for attribute in others:
        # Not by getattr(), which may run the application's code. The methods of what is in C do not.
        owner = found
        inside = getattr(owner, "__dict__", {})
        found = inside.get(attribute)
    if others and found is None and isinstance(owner, queue.SimpleQueue | _LOCK):
        return call.name, owner, call.arguments
    if frame.f_code is _WORK_RUN:
        given = getattr(owner, "args", ())
    elif isinstance(owner, Context):
        found, given = names.get("func"), names.get("args", ())
    else:
        given = names.get("args", ())
    while isinstance(found, functools.partial) or isinstance(
        getattr(found, "__self__", None), Context
    ):
        if isinstance(found, functools.partial):
            found, given = found.func, (*found.args, *given)
        else:
            found, given = (given[0], given[1:]) if given else (None, ())
    owner = getattr(found, "__self__", None)
    return None if owner is None else (getattr(found, "__name__", ""), owner, len(given))


def joined_thread(frame: FrameType) -> threading.Thread | None:
    """The thread whose end is waited for at ``frame`` (``Thread.join()``), None anywhere else."""
    if frame.f_code in _JOINS:
        thread: threading.Thread = frame.f_locals["self"]
        return thread
    return None

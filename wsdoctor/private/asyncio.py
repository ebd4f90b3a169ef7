"""What asyncio has no public name for.

``tests/private/test_asyncio.py`` fails on a Python that changed one of these names.
"""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import threading
import weakref
from asyncio import events, selector_events
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from contextvars import Context, ContextVar
from types import CodeType, FrameType
from typing import Any

from wsdoctor.private.threading import target_of

HANDLE_RUN: CodeType = events.Handle._run.__code__  # noqa: SLF001 - the frame below which a callback's stack begins
_SelectorSocketTransport: Any = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]  # noqa: SLF001 - it has no public name
_WritePipeTransport: Any = object
"""Told apart from its subclasses by type; ``object`` where a selector loop has no pipes (Windows)."""
if sys.platform != "win32":
    from asyncio import unix_events

    _WritePipeTransport = unix_events._UnixWritePipeTransport  # type: ignore[attr-defined]  # noqa: SLF001 - as above
_MAKE_SELF_PIPE: CodeType = selector_events.BaseSelectorEventLoop._make_self_pipe.__code__  # type: ignore[attr-defined]  # noqa: SLF001 - as above
_END_OF_SLEEP: Any = asyncio.futures._set_result_unless_cancelled  # type: ignore[attr-defined]  # noqa: SLF001 - what wakes asyncio.sleep()


class TellingEventLoop(asyncio.SelectorEventLoop):
    """A selector loop that reports writes to descriptors, and processes that are started."""

    def told_of_writes(self, descriptor: int) -> bool:
        """Call ``wrote`` for ``descriptor`` from now on; False if it belongs to no transport of asyncio's.

        Datagrams are transports, but ``wrote`` is not called for them: an answer may or may not come.
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
    """Whether a task waits for a child process to end (``Process.wait()``)."""
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
        and getattr(handle._callback, "__name__", "") not in _WAITS  # noqa: SLF001 - no public attribute
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


def is_child_watcher(thread: threading.Thread) -> bool:
    """True for a thread in which asyncio waits for the end of a child process."""
    target = target_of(thread)
    return getattr(target, "__name__", "") == "_do_waitpid" and str(
        getattr(target, "__module__", "")
    ).startswith("asyncio.")

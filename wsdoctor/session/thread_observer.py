"""The threads that connections start, and which of them go on when their connection is over."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any, Self

from wsdoctor.private.anyio import context_of_call, is_anyio_worker
from wsdoctor.private.asyncio import is_child_watcher
from wsdoctor.private.threading import (
    is_idle_pool_thread,
    is_pool_thread,
    running_future,
    target_of,
)
from wsdoctor.recording.events import LeftThread, Stack, StackFrame, ThreadsLeft
from wsdoctor.session.recorder import CONNECTION, Recorder
from wsdoctor.session.threads import current_connection
from wsdoctor.sim.threads import SET_ASIDE, sleeps

_PATIENCE = 1.0
"""Wall seconds that the threads of a connection are given to end, once the handler has returned."""

_AGAIN = 0.5
"""Wall seconds for those of later visits, which do what the first one's did."""

_ASLEEP = 0.05
"""Wall seconds for one that only another thread can wake."""

_PAUSE = 0.005


@dataclass(frozen=True, slots=True)
class _Started:
    connection: int
    runs: str
    stack: Stack
    task: int


class ThreadObserver:
    """Knows who started a thread, or gave a pool some work, for as long as it is entered.

    A thread does not inherit the context of its creator: whose it is is known from the context in
    which ``start()`` or ``submit()`` is called, or from the thread that calls it.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._threads: weakref.WeakKeyDictionary[threading.Thread, _Started]
        self._threads = weakref.WeakKeyDictionary()
        self._calls: weakref.WeakKeyDictionary[concurrent.futures.Future[Any], _Started]
        self._calls = weakref.WeakKeyDictionary()

    def __enter__(self) -> Self:
        self._before = weakref.WeakSet(threading.enumerate())
        self._start, self._submit = (
            threading.Thread.start,
            concurrent.futures.ThreadPoolExecutor.submit,
        )
        start, submit = self._start, self._submit
        observer = self

        def observed_start(thread: threading.Thread) -> None:
            observer.note(observer._threads, thread, target_of(thread) or thread.run)
            start(thread)

        def observed_submit(
            pool: concurrent.futures.ThreadPoolExecutor, fn: Any, /, *args: Any, **options: Any
        ) -> concurrent.futures.Future[Any]:
            future = submit(pool, fn, *args, **options)
            observer.note(observer._calls, future, fn)
            return future

        threading.Thread.start = observed_start  # type: ignore[method-assign,assignment]  # there is no hook
        concurrent.futures.ThreadPoolExecutor.submit = observed_submit  # type: ignore[method-assign,assignment]  # as above
        return self

    def __exit__(self, *_: object) -> None:
        threading.Thread.start = self._start  # type: ignore[method-assign]  # as it was
        concurrent.futures.ThreadPoolExecutor.submit = self._submit  # type: ignore[method-assign]  # as it was
        frames = sys._current_frames()  # noqa: SLF001 - documented, and the only way to see other threads
        for thread in self._threads:
            frame = frames.get(thread.ident or 0)
            # The worker of a pool that rests works for the next session, too.
            if thread.is_alive() and (frame is None or not is_idle_pool_thread(frame)):
                SET_ASIDE.add(thread)

    def note(
        self, known: weakref.WeakKeyDictionary[Any, _Started], what: object, runs: object
    ) -> None:
        """Remember who starts ``what``, if a connection does."""
        if number := current_connection():
            stack = self._recorder.calling_stack()
            known[what] = _Started(number, _called(runs), stack, _running_task())

    def started_at(self, call: concurrent.futures.Future[Any]) -> Stack:
        """The user's frames that gave ``call`` to a pool."""
        known = self._calls.get(call)
        return () if known is None else known.stack

    async def settle(self, connection: int) -> bool:
        """Give the threads of ``connection`` some real time to end; whether one has not.

        From then on the clock does not wait for it.
        """
        if not (alive := list(self._alive(connection))):
            return False
        began = time.monotonic()
        pause = threading.Event()
        patience = _PATIENCE if connection == 1 else _AGAIN
        while alive and (passed := time.monotonic() - began) < patience:
            if passed > _ASLEEP and all(sleeps(frame) for _, frame, _ in alive):
                break
            pause.wait(_PAUSE)
            await asyncio.sleep(0)  # what a thread hands to the loop is done meanwhile
            alive = list(self._alive(connection))
        SET_ASIDE.update(thread for thread, _, _ in alive)
        return bool(alive)

    def report(self, connection: int) -> bool:
        """Record what of ``connection`` is still there; whether anything is."""
        left = tuple(
            LeftThread(started.runs, started.stack, started.task, self._inside(frame))
            for thread, frame, started in self._alive(connection)
            # asyncio's own, before Python 3.12: of the child that it waits for there is another rule.
            if not is_child_watcher(thread)
        )
        if left:
            recorder = self._recorder
            recorder.add(ThreadsLeft(**recorder.here(), connection=connection, threads=left))
        return bool(left)

    def is_at_work(self, connection: int) -> bool:
        """Whether something is still there that ``connection`` started, or gave to a thread."""
        return any(self._alive(connection))

    def _alive(self, connection: int) -> Iterator[tuple[threading.Thread, FrameType, _Started]]:
        """Threads that ``connection`` started and that still run; idle threads of pools belong to none."""
        mine = [item for item in self._threads.values() if item.connection == connection]
        calls = [item for item in self._calls.values() if item.connection == connection]
        worked = "anyio" in sys.modules
        if not (mine or calls or worked):
            return
        threads = threading.enumerate()
        if len(threads) == 1:
            return
        frames = sys._current_frames()  # noqa: SLF001 - documented, and the only way to see other threads
        for thread in threads:
            frame = frames.get(thread.ident or 0)
            if frame is None:
                continue
            started: _Started | None = None
            if thread in self._before and not is_pool_thread(frame):
                continue  # another session's
            if is_anyio_worker(thread):
                context = context_of_call(thread, frame)
                if context is not None and context.get(CONNECTION, 0) == connection:
                    started = _Started(connection, self._running(frame), (), 0)
            elif is_pool_thread(frame):
                future = running_future(frame)
                started = None if future is None else self._calls.get(future)
            else:
                started = self._threads.get(thread)
            if started is not None and started.connection == connection:
                yield thread, frame, started

    def _inside(self, frame: FrameType) -> StackFrame | None:
        """The user's function that the thread is in."""
        current: FrameType | None = frame
        while current is not None:
            code = current.f_code
            if self._recorder.user_code.is_user_frame(current):
                return self._recorder.frame(code, code.co_firstlineno)
            current = current.f_back
        return None

    def _running(self, frame: FrameType) -> str:
        """The outermost function of the user's in a thread."""
        found = ""
        current: FrameType | None = frame
        while current is not None:
            if self._recorder.user_code.is_user_frame(current):
                found = current.f_code.co_qualname
            current = current.f_back
        return found


def _running_task() -> int:
    """The number of the task that runs in this thread; 0 in one without an event loop."""
    try:
        return int(getattr(asyncio.current_task(), "wsdoctor_number", 0))
    except RuntimeError:
        return 0


def _called(runs: object) -> str:
    """The name of a function; of a partial, or of what a context runs, that of the one within."""
    while (inner := getattr(runs, "func", None)) is not None:
        arguments = getattr(runs, "args", ())
        # asyncio.to_thread submits a partial of Context.run, and the session one that comes with a
        # number: the function is among their arguments.
        functions = [item for item in arguments if callable(item)]
        within = getattr(inner, "__name__", "") in {"run", "_on_behalf"} and functions
        runs = functions[0] if within else inner
    return str(getattr(runs, "__qualname__", type(runs).__qualname__))

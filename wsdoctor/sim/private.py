"""Every private name of asyncio and anyio that wsdoctor leans on, in one file.

``tests/sim/test_private.py`` fails loudly on a Python that changed one of them.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from asyncio import events
from types import CodeType, FrameType
from typing import Any

HANDLE_RUN: CodeType = events.Handle._run.__code__  # noqa: SLF001 - the frame below which a callback's stack begins


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


def has_unfinished_work(thread: threading.Thread) -> bool:
    """True for an anyio worker thread that was given a call and has not finished it."""
    work = getattr(thread, "queue", None)
    return isinstance(work, queue.Queue) and work.unfinished_tasks > 0


def is_idle_pool_thread(frame: FrameType) -> bool:
    """True if ``frame`` is where a concurrent.futures thread waits for its next work item."""
    code = frame.f_code
    return code.co_name == "_worker" and code.co_filename.endswith("thread.py")

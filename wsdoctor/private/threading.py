"""What threading and concurrent.futures have no public name for.

``tests/private/test_threading.py`` fails on a Python that changed one of these names.
"""

from __future__ import annotations

import concurrent.futures
import dis
import functools
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import thread as pool
from contextvars import Context
from dataclasses import dataclass
from logging.handlers import QueueListener
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Literal

_POOL_WORKER: CodeType = pool._worker.__code__  # noqa: SLF001 - what each thread of a pool runs
_CPU_CLOCK_OF_THREAD = 0b110
"""CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED (linux/posix-timers.h)."""
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


def target_of(thread: threading.Thread) -> object:
    """The function that ``thread`` was given to run; None if it has ended, or has a ``run()`` of its own."""
    return getattr(thread, "_target", None)


def is_log_listener(thread: threading.Thread) -> bool:
    """True for the thread of a ``QueueListener``: it writes logs, and hands nothing to any loop."""
    return log_listener(thread) is not None


def log_listener(thread: threading.Thread) -> QueueListener | None:
    """The ``QueueListener`` whose thread ``thread`` is."""
    owner = getattr(target_of(thread), "__self__", None)
    return owner if isinstance(owner, QueueListener) else None


def is_pool_worker(thread: threading.Thread) -> bool:
    """True for a thread of a ``concurrent.futures.ThreadPoolExecutor``, started or not."""
    return getattr(target_of(thread), "__code__", None) is _POOL_WORKER


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
    pool's own count of idle threads tells. (Before 3.13 that count may be too high. Since 3.12 it may be too
    low for good: a thread that has just finished takes the item for which another one was counted.)
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
    """The time-out (``inf`` without one) of a ``Condition.wait()`` that has not been notified yet.

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

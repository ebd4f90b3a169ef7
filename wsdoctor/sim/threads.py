"""What the other threads of the process are doing: may the virtual clock jump?

The clock may jump only if no other thread is about to hand something to the loop. A thread is

- *idle*: a pool's worker without work; it does not count;
- *waiting*: for a queue, an event, a condition, a future or another thread's end, and not woken
  yet; whoever will wake it counts in its own right. ``run_coroutine_threadsafe(...).result()`` and
  ``anyio.from_thread.run`` wait so for the loop: the clock must move;
- *at work*: everything else. Work that was lent to a pool is waited for while the clock stands; a
  thread of the application's own runs on the wall clock, so the loop must too.
"""

from __future__ import annotations

import concurrent.futures
import enum
import sys
import threading
import weakref
from types import FrameType

from wsdoctor.sim.private import (
    handed_over,
    has_unfinished_work,
    is_idle_pool_thread,
    is_log_listener,
    is_pool_thread,
    joined_thread,
    unnotified_wait,
)

_RESULT = concurrent.futures.Future.result.__code__

OWN_THREADS: set[int] = set()
"""Identifiers of wsdoctor's own threads; they never touch the application."""

SET_ASIDE: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
"""Threads that were given the time to end and have not: the clock waits for them no more."""


class Activity(enum.Enum):
    NONE = "the clock may jump"
    LENT = "work that the loop handed out is under way: wait, the clock stands"
    FREE = "a thread of the application's own is at work: the wall clock counts"


def activity(lent: int) -> Activity:
    """What the other threads are doing, ``lent`` calls of ``run_in_executor`` being unfinished."""
    here = threading.get_ident()
    others = [
        thread
        for thread in threading.enumerate()
        if thread.ident != here
        and thread.ident not in OWN_THREADS
        and thread not in SET_ASIDE
        and not is_log_listener(thread)
    ]
    if lent == 0 and not others:
        return Activity.NONE
    frames = sys._current_frames()  # noqa: SLF001 - documented, and the only way to see other threads
    # Some of these are lent calls, some were given to a pool without the loop's knowledge, and some
    # are lent calls that somebody has cancelled: their threads go on all the same.
    busy = waiting = 0
    idle: list[FrameType] = []
    free = False
    for thread in others:
        frame = frames.get(thread.ident or 0)
        if frame is None:
            continue
        if has_unfinished_work(thread) or is_pool_thread(frame):
            if is_idle_pool_thread(frame):
                idle.append(frame)
            else:
                busy += 1
                waiting += _waits(frame, with_timeout=False)
        elif _comes_or_goes(frame):
            busy += 1
        elif not _waits(frame, with_timeout=True):
            free = True
    if max(lent, busy + handed_over(idle)) > waiting:
        return Activity.LENT
    return Activity.FREE if free else Activity.NONE


def sleeps(frame: FrameType) -> bool:
    """Whether the thread at ``frame`` goes on only when another one wakes it, whenever that is."""
    return _waits(frame, with_timeout=False)


def _waits(frame: FrameType, *, with_timeout: bool) -> bool:
    """Whether the thread at ``frame`` goes on only when somebody wakes it.

    A wait with a time-out ends by itself, in real time: ``with_timeout`` says whether to call that
    waiting, too. Threads that look after something now and then wait so all day long; in a lent
    call it is as good as a sleep. A future that is waited for with a time-out is still the loop's.
    """
    timeout = unnotified_wait(frame)
    if timeout is not None:
        return with_timeout or timeout == float("inf") or _waits_for_future(frame)
    thread = joined_thread(frame)
    return thread is not None and thread in threading.enumerate()


def _comes_or_goes(frame: FrameType) -> bool:
    """Whether the thread has not begun its function, or has left it: for an instant."""
    if frame.f_code.co_filename != threading.__file__ or unnotified_wait(frame) is not None:
        return False
    current = frame.f_back
    while current is not None and current.f_code.co_filename == threading.__file__:
        current = current.f_back
    return current is None


def _waits_for_future(frame: FrameType) -> bool:
    return frame.f_back is not None and frame.f_back.f_code is _RESULT

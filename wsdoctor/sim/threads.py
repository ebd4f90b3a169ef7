"""What the other threads of the process are doing: may the virtual clock jump?

The clock may jump only if no other thread is about to hand something to the loop. A thread is

- *idle*: it waits for work (a pool's worker, a logging queue) or for a lock; it does not count;
- *waiting for the loop*: inside ``concurrent.futures.Future.result()``, as after
  ``run_coroutine_threadsafe`` or ``anyio.from_thread.run``: the clock must move;
- *at work*: everything else. Work that the loop itself handed out (``run_in_executor``) is waited
  for; a thread of the application's own runs on the wall clock, so the loop must too.
"""

from __future__ import annotations

import concurrent.futures
import enum
import sys
import threading
from types import FrameType

from wsdoctor.sim.private import has_unfinished_work, is_idle_pool_thread

_RESULT = concurrent.futures.Future.result.__code__
_LOCK_FILES = (threading.__file__,)

OWN_THREADS: set[int] = set()
"""Identifiers of wsdoctor's own threads; they never touch the application."""


class Activity(enum.Enum):
    NONE = "the clock may jump"
    LENT = "work that the loop handed out is under way: wait, the clock stands"
    FREE = "a thread of the application's own is at work: the wall clock counts"


def activity(lent: int) -> Activity:
    """What the other threads are doing, ``lent`` calls of ``run_in_executor`` being unfinished."""
    if lent == 0 and threading.active_count() == 1:
        return Activity.NONE
    frames = sys._current_frames()  # noqa: SLF001 - documented, and the only way to see other threads
    here = threading.get_ident()
    waiting_for_loop = 0
    unfinished = lent
    free = False
    for thread in threading.enumerate():
        if thread.ident == here or thread.ident in OWN_THREADS:
            continue
        frame = frames.get(thread.ident or 0)
        if frame is None:
            continue
        if has_unfinished_work(thread):
            unfinished += 1
        elif is_idle_pool_thread(frame):
            continue
        elif not _in_pool(frame) and not _holds_still(frame):
            free = True
        if _waits_for_future(frame):
            waiting_for_loop += 1
    if unfinished > waiting_for_loop:
        return Activity.LENT
    return Activity.FREE if free else Activity.NONE


def _in_pool(frame: FrameType) -> bool:
    """True if the thread is a pool's: what it runs was lent by somebody and is counted there."""
    current: FrameType | None = frame
    while current is not None:
        if is_idle_pool_thread(current):
            return True
        current = current.f_back
    return False


def _waits_for_future(frame: FrameType) -> bool:
    current: FrameType | None = frame
    while current is not None and current.f_code.co_filename in _LOCK_FILES:
        current = current.f_back
    return current is not None and current.f_code is _RESULT


def _holds_still(frame: FrameType) -> bool:
    """True for a thread that waits for a lock, a condition or a queue."""
    return frame.f_code.co_filename in _LOCK_FILES

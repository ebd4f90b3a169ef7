"""What the other threads of the process are doing: may the virtual clock jump?

The clock may jump only if no other thread is about to hand something to the loop. A thread is

- *idle*: a pool's worker without work; it does not count;
- *waiting*: for a queue, an event, a condition, a future or another thread's end, and not woken
  yet; what will wake it counts in its own right. ``run_coroutine_threadsafe(...).result()`` and
  ``anyio.from_thread.run`` wait so for the loop: the clock must move. A ``SimpleQueue`` and a lock wait in C;
- *at rest*: a thread of the application's own that stands in a call that does not come back (a
  socket's ``accept``, a ``poll``, a long sleep) and has never handed the loop anything; one that has
  handed it something rests only where it reads or accepts;
- *apart*: a thread of the application's own that goes on and on, asleep for most of the time (a
  sampler, a heartbeat), and in seconds has handed the loop nothing. It is waited for again for an
  instant after the end of a connection, which may be what it looks out for, and as long as a lent
  call waits, which may be for it;
- *at work*: everything else. Work that was lent to a pool is waited for while the clock stands; a
  thread of the application's own runs on the wall clock, so the loop must too.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import enum
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from types import FrameType
from typing import Any

from msgspec import Struct

from wsdoctor.private.anyio import has_unfinished_work
from wsdoctor.private.asyncio import is_child_watcher
from wsdoctor.private.threading import (
    called_method,
    cpu_time,
    handed_over,
    is_idle_pool_thread,
    is_log_listener,
    is_pool_thread,
    is_runnable,
    joined_thread,
    starved_time,
    unnotified_wait,
    waits_for_a_thread,
)

_RESULT = concurrent.futures.Future.result.__code__

OWN_THREADS: set[int] = set()
"""Identifiers of wsdoctor's own threads; they never touch the application."""

SET_ASIDE: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
"""Threads that were given the time to end and have not: the clock waits for them no more."""


class Activity(enum.Enum):
    NONE = "the clock may jump"
    LENT = "work that the loop handed out is under way: wait, the clock stands"
    APART = "a thread of the application's own goes about a business of its own: the clock may jump"
    UNSURE = "a thread of the application's own may be at rest: wait for a moment, the clock stands"
    FREE = "a thread of the application's own is at work: the wall clock counts"


_OLD_REST = 0.1
_NEW_REST = 1.0
"""Wall seconds for which a thread stands still before it counts as resting: the first for a thread that is
older than the session, the second for one that the session started and may depend on."""

_APART_AFTER = 3.0
"""Wall seconds for which a thread has been at work, and asleep for most of them, before it is apart."""

_READS = frozenset(
    {"recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "accept", "_accept"}
    | {"read", "read1", "readinto", "readline"}
)
"""The methods in which a thread waits for something from outside, for as long as that takes."""

_MOSTLY_ASLEEP = 0.25
"""The share of that time, at most, in which it used a processor."""

_AFTER_AN_END = 0.5
"""Wall seconds after the end of a connection for which no thread is apart."""

Function = tuple[str, int]
"""A function: its file and its first line."""

Place = tuple[tuple[str, int, int], ...]
"""Where a thread is: the functions of its stack, each with its instruction."""

_RESTING: dict[tuple[int, Place], float | None] = {}
"""The threads that were found at rest, and where, with the processor time that they had used by then."""

_RESTS: set[Place] = set()
"""Where threads that sessions started were found at rest: the next one of the kind is believed."""

_FEEDERS: set[Function] = set()
"""The functions of threads that have handed something to a loop."""

_APART: set[Function] = set()
"""The functions of threads that were found to be apart."""


class KnownThreads(Struct, frozen=True):
    """What sessions have found out about threads: where they rest, which feed the loop, which are apart."""

    rests: frozenset[Place] = frozenset()
    feeders: frozenset[Function] = frozenset()
    apart: frozenset[Function] = frozenset()


def known_threads() -> KnownThreads:
    """The known threads of this process, for other processes of the same application."""
    return KnownThreads(frozenset(_RESTS), frozenset(_FEEDERS), frozenset(_APART))


def believe_threads(known: KnownThreads) -> None:
    """Take over what another process has found out."""
    _RESTS.update(known.rests)
    _FEEDERS.update(known.feeders)
    _APART.update(known.apart)


def feeds() -> None:
    """The running thread hands something to the loop; from now on it never rests."""
    frame = sys._getframe()  # noqa: SLF001 - documented
    _FEEDERS.add(_function(_place(frame)))


_CALLS: dict[str, weakref.WeakSet[asyncio.Future[Any]]] = {}
"""The futures that a file's code has made: a thread of the same file may be the one that answers."""


def calls(file: str, future: asyncio.Future[Any]) -> None:
    """``file`` has made ``future``, and may wait for it."""
    _CALLS.setdefault(file, weakref.WeakSet()).add(future)


def _has_been_called(frame: FrameType) -> bool:
    """Whether the file of a thread's function waits for an answer.

    Since 3.13 a ``SimpleQueue`` hands an item to the thread that waits for it and stays empty. That
    thread may wake at any time.
    """
    file, _ = _function(_place(frame))
    made = _CALLS.get(file, ())
    return any(not future.done() for future in made)


class Rests:
    """Which threads of the application's own rest: the clock need not wait for them.

    Most applications have one: metrics served in a thread, a client's network loop, a watcher.
    While it counted as at work every session ran on the wall clock.
    """

    def __init__(self) -> None:
        self._older = {thread.ident for thread in threading.enumerate()}
        self._since: dict[int, tuple[Place, float | None, float]] = {}
        self._began: float | None = None
        self._at_work: dict[int, tuple[float, float, float]] = {}
        self._given: tuple[object, float] = None, 0.0
        self._ended = float("-inf")
        self.passed_over = False
        """Whether the clock has jumped while a thread was at work, apart."""

    def connection_ends(self) -> None:
        """A thread may have waited for this: for an instant none is apart."""
        self._ended = time.monotonic()

    def of(self, thread: threading.Thread, frame: FrameType) -> Activity:
        """What ``thread``, which is at ``frame``, is doing: NONE if it rests, APART, FREE, UNSURE.

        UNSURE only at the beginning of a session, and while one that is older may come to rest.
        """
        ident = thread.ident or 0
        place, used = _place(frame), cpu_time(thread)
        function = _function(place)
        if function in _FEEDERS:
            parked = (
                called_method(frame) in _READS and self._stands(ident, place, used) >= _NEW_REST
            )
            return Activity.NONE if parked else Activity.FREE
        old = ident in self._older
        if (_RESTING.get((ident, place), -1.0) == used) or (not old and place in _RESTS):
            return Activity.NONE
        now = time.monotonic()
        if self._stands(ident, place, used) >= (_OLD_REST if old else _NEW_REST):
            _RESTING[ident, place] = used
            if not old:
                _RESTS.add(place)
            return Activity.NONE
        if used is not None and self._is_apart(thread, function, used, now):
            return Activity.APART
        self._began = self._began or now
        return Activity.UNSURE if old and now - self._began < 2 * _OLD_REST else Activity.FREE

    def lent_call_waits(self, thread: threading.Thread, frame: FrameType) -> bool:
        """Whether ``thread``, which does a call that was lent to it, goes on only when another wakes it.

        A ``SimpleQueue`` is empty and a lock is held again when the thread that waited has what it
        waited for, and has not run yet: since 3.13 a queue hands an item over. So the thread
        must not have run since the last look, and not be about to.
        """
        if unnotified_wait(frame) is not None or waits_for_a_thread(frame) != "for ever":
            return _waits(frame, with_timeout=False)
        used = cpu_time(thread)
        stood = self._stands(thread.ident or 0, _place(frame), used)
        return stood > (_OLD_REST if used is None else 0) and not is_runnable(thread)

    def handed_over(self, idle: Sequence[tuple[threading.Thread, FrameType]]) -> int:
        """How many of the idle threads of pools are about to wake, because they were given some work.

        The pool's count of its idle threads may be wrong for good. One that was given something soon runs.
        """
        given = handed_over(frame for _, frame in idle)
        if not given:
            self._given = None, 0.0
            return 0
        state = given, tuple((thread.ident, cpu_time(thread)) for thread, _ in idle)
        now = time.monotonic()
        if state != self._given[0]:
            self._given = state, now
        if now - self._given[1] < _OLD_REST or any(is_runnable(thread) for thread, _ in idle):
            return given
        return 0

    def _stands(self, ident: int, place: Place, used: float | None) -> float:
        """Wall seconds for which a thread has been at ``place``, and has used no processor."""
        now = time.monotonic()
        if self._since.get(ident, ())[:2] != (place, used):
            self._since[ident] = place, used, now
        return now - self._since[ident][2]

    def _is_apart(
        self, thread: threading.Thread, function: Function, used: float, now: float
    ) -> bool:
        ident = thread.ident or 0
        if ident not in self._at_work:
            self._at_work[ident] = now, used, starved_time(thread)
        began, used_then, starved_then = self._at_work[ident]
        passed = now - began
        if passed >= _APART_AFTER and used - used_then <= _MOSTLY_ASLEEP * passed:
            # On a busy machine one that computes gets less than its share, and is as awake as ever.
            starved = starved_time(thread) - starved_then
            if used - used_then + starved <= _MOSTLY_ASLEEP * passed:
                _APART.add(function)
        return function in _APART and now - self._ended >= _AFTER_AN_END


def _place(frame: FrameType | None) -> Place:
    """The outermost function is that of the thread's own: what ``threading`` adds is left out."""
    place: list[tuple[str, int, int]] = []
    while frame is not None:
        code = frame.f_code
        place.append((code.co_filename, code.co_firstlineno, frame.f_lasti))
        frame = frame.f_back
    while len(place) > 1 and place[-1][0] == threading.__file__:
        place.pop()
    return tuple(place)


def _function(place: Place) -> Function:
    file, line, _ = place[-1]
    return file, line


def activity(lent: int, rests: Rests) -> Activity:
    """What the other threads are doing, ``lent`` calls of ``run_in_executor`` being unfinished."""
    here = threading.get_ident()
    others = [
        thread
        for thread in threading.enumerate()
        if thread.ident != here
        and thread.ident not in OWN_THREADS
        and thread not in SET_ASIDE
        and not is_log_listener(thread)
        and not is_child_watcher(thread)
    ]
    if lent == 0 and not others:
        return Activity.NONE
    frames = sys._current_frames()  # noqa: SLF001 - documented, and the only way to see other threads
    # Some of these are lent calls, some were given to a pool without the loop's knowledge, and some
    # are cancelled lent calls: their threads go on all the same.
    busy = waiting = 0
    idle: list[tuple[threading.Thread, FrameType]] = []
    own: set[Activity] = set()
    for thread in others:
        frame = frames.get(thread.ident or 0)
        if frame is None:
            busy += thread.ident is None  # it has been started, and the system has yet to begin it
            continue
        if has_unfinished_work(thread) or is_pool_thread(frame):
            if is_idle_pool_thread(frame):
                idle.append((thread, frame))
            else:
                busy += 1
                waiting += rests.lent_call_waits(thread, frame)
        elif _comes_or_goes(frame):
            busy += 1
        elif not _waits(frame, with_timeout=True):
            own.add(rests.of(thread, frame))
    if max(lent, busy + rests.handed_over(idle)) > waiting:
        return Activity.LENT
    if Activity.APART in own and waiting:
        return Activity.FREE  # it may be the one that the lent call waits for
    what = next((what for what in (Activity.FREE, Activity.UNSURE) if what in own), Activity.NONE)
    rests.passed_over |= Activity.APART in own and what is Activity.NONE
    return what


def sleeps(frame: FrameType) -> bool:
    """Whether the thread at ``frame`` goes on only when another one wakes it, whenever that is."""
    return _waits(frame, with_timeout=False)


def _waits(frame: FrameType, *, with_timeout: bool) -> bool:
    """Whether the thread at ``frame`` goes on only when other code wakes it.

    A wait with a time-out ends by itself, in real time: ``with_timeout`` says whether that counts, too.
    Threads with a periodic job wait in this manner all day long. In a lent call such a wait is like a
    sleep. If a thread waits for a future with a time-out, the loop still has to complete the future.
    """
    timeout = unnotified_wait(frame)
    if timeout is not None:
        return with_timeout or timeout == float("inf") or _waits_for_future(frame)
    if (queued := waits_for_a_thread(frame)) and not _has_been_called(frame):
        return with_timeout or queued == "for ever"
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

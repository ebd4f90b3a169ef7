"""Where the user's code has set the timers of the event loop, and which of them it goes on setting.

A timer holds what it is to be called with. One whose function sets the next one never ends.
"""

from __future__ import annotations

import asyncio
import math
import weakref
from dataclasses import dataclass
from types import FrameType

from wsdoctor.diagnosis.bounds import PRUNED
from wsdoctor.private.asyncio import is_scheduled
from wsdoctor.recording.events import Holder, StackFrame, TimersLeft
from wsdoctor.session.recorder import CONNECTION, Recorder
from wsdoctor.sim.engine import EventLoop


@dataclass(frozen=True, slots=True)
class _Set:
    """A timer, the connection whose code has set it (0: none), and when: seconds of the loop's clock."""

    timer: weakref.ref[asyncio.TimerHandle]
    connection: int
    time: float
    holder: Holder


class TimerObserver:
    """The lines at which the user's code has called ``call_later`` or ``call_at``."""

    def __init__(self, recorder: Recorder, loop: EventLoop) -> None:
        loop.timed = self._set
        self._loop = loop
        self._recorder = recorder
        # By id(): two timers are equal if their arguments are, and those are the user's.
        self._known: dict[int, _Set] = {}
        self._ended: dict[int, float] = {}

    def _set(self, timer: asyncio.TimerHandle, frame: FrameType) -> None:
        """Note who has set ``timer``: ``frame``, or what called asyncio's ``call_later`` there."""
        caller: FrameType | None = frame
        if frame.f_code is _CALL_LATER:
            caller = frame.f_back
        if caller is None:
            return
        place = self._recorder.frame(caller.f_code, caller.f_lineno)
        if place.user:
            number = id(timer)
            name = "call_later" if frame.f_code is _CALL_LATER else "call_at"
            self._known[number] = _Set(
                weakref.ref(timer, lambda _: self._known.pop(number, None)),
                CONNECTION.get(),
                self._loop.time(),
                Holder("timer", name, place.function, "", place.file, at=place),
            )

    def holder(self, timer: asyncio.TimerHandle) -> Holder | None:
        """``timer`` as what holds something, if a line of the user's has set it."""
        known = self._known.get(id(timer))
        return None if known is None or known.timer() is not timer else known.holder

    def pending(self) -> bool:
        """Whether a timer that the user's code has set is still to fire, whichever connection it is of."""
        timers = [known.timer() for known in self._known.values()]
        return any(timer is not None and is_scheduled(timer) for timer in timers)

    def first_look(self, connection: int) -> None:
        """``connection`` is over: what its code sets from now on, it sets for a client that has gone."""
        self._ended[connection] = self._loop.time()

    async def stay(self, connection: int, watched: float) -> bool:
        """Whether the code of ``connection``, which is over, still sets timers at ``watched``; reported.

        In virtual time it may be waiting for the client to come back, for as long as anything is kept for it.
        """
        if not self._places(connection, since=-math.inf):
            return False
        await asyncio.sleep(watched - self._loop.time())
        if self._places(connection) and self._loop.clock == "virtual":
            await asyncio.sleep(PRUNED)
        return self.report(connection)

    def report(self, connection: int) -> bool:
        """Record what the code of ``connection`` has set and is due; if its end is known, after that."""
        places = self._places(connection)
        if places:
            recorder = self._recorder
            recorder.add(TimersLeft(**recorder.here(), connection=connection, places=places))
        return bool(places)

    def _places(self, connection: int, since: float | None = None) -> tuple[StackFrame, ...]:
        """The lines that have set the timers of ``connection`` which are due, if its end is known, after that."""
        if since is None:
            since = self._ended.get(connection, -math.inf)
        due = {
            known.holder.at: None
            for known in self._known.values()
            if known.connection == connection
            and known.time > since
            and (timer := known.timer()) is not None
            and is_scheduled(timer)
        }
        return tuple(place for place in due if place is not None)


_CALL_LATER = asyncio.BaseEventLoop.call_later.__code__

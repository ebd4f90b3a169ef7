"""Where the user's code has set the timers of the event loop: a timer holds what it is to be called with."""

from __future__ import annotations

import asyncio
import weakref
from types import FrameType

from wsdoctor.recording.events import Holder
from wsdoctor.session.recorder import CONNECTION, Recorder
from wsdoctor.sim.engine import EventLoop


class TimerObserver:
    """The lines at which the code of connections has called ``call_later`` or ``call_at``."""

    def __init__(self, recorder: Recorder, loop: EventLoop) -> None:
        loop.timed = self._set
        self._recorder = recorder
        # By id(): two timers are equal if their arguments are, and those are the user's.
        self._places: dict[int, tuple[weakref.ref[asyncio.TimerHandle], Holder]] = {}

    def _set(self, timer: asyncio.TimerHandle, frame: FrameType) -> None:
        """Note who has set ``timer``: ``frame``, or what called asyncio's ``call_later`` there."""
        caller: FrameType | None = frame
        if frame.f_code is _CALL_LATER:
            caller = frame.f_back
        if caller is None or not CONNECTION.get():
            return
        place = self._recorder.frame(caller.f_code, caller.f_lineno)
        if place.user:
            number = id(timer)
            name = "call_later" if frame.f_code is _CALL_LATER else "call_at"
            gone = weakref.ref(timer, lambda _: self._places.pop(number, None))
            self._places[number] = (
                gone,
                Holder("timer", name, place.function, "", place.file, at=place),
            )

    def holder(self, timer: asyncio.TimerHandle) -> Holder | None:
        """``timer`` as what holds something, if a line of the user's has set it."""
        known = self._places.get(id(timer))
        return None if known is None or known[0]() is not timer else known[1]


_CALL_LATER = asyncio.BaseEventLoop.call_later.__code__

"""When to stop: the time is over, the user interrupts, or a route has too many cases."""

from __future__ import annotations

import math
import time
from collections import Counter

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.recording.events import RecordingFull, ThreadsLeft, WorkerLost
from wsdoctor.recording.recording import Recording
from wsdoctor.session.timeouts import Timeouts, Timing

_TOO_MUCH = 2
"""Sessions that took their process with them, or could not be recorded, after which a route is left
alone."""

_DIED = 12
"""The same for sessions whose process ended by itself, which cost less."""

_TOO_SLOW = 12
"""Sessions that left threads behind after which a route is left alone. Each costs more than a second
of real time, and more of them would show nothing new."""

_HELD = 6
"""Number of such sessions that cost as much as a handler that waits for a thread that does not end."""


class Limits:
    """Asked before each case; several threads may ask.

    ``max_time`` is in wall seconds from ``began``, a ``time.monotonic()``, else from now.
    """

    def __init__(self, max_time: float | None = None, began: float | None = None) -> None:
        self._max_time = max_time
        from_ = time.monotonic() if began is None else began
        self.deadline = math.inf if max_time is None else from_ + max_time
        self._lost: Counter[str] = Counter()
        self._died: Counter[str] = Counter()
        self._full: Counter[str] = Counter()
        self._threads: Counter[str] = Counter()
        self.interrupted = False

    def begin_anew(self) -> None:
        """Forget an interruption, and the sessions that it ended; what time is left stays the same."""
        self.interrupted = False
        for counted in (self._lost, self._died, self._full, self._threads):
            counted.clear()

    @property
    def time_is_over(self) -> str:
        """The reason that the time is over."""
        return f"the {self._max_time:g} s that --max-time gives were over"

    def ran(self, diagnosed: Diagnosed) -> None:
        """Take note of how a case ended."""
        events = diagnosed.recording.events
        route = diagnosed.result.route
        lost = next((event for event in events if isinstance(event, WorkerLost)), None)
        if lost is not None:
            self._lost[route] += lost.returncode is None
            self._died[route] += lost.returncode is not None
        if diagnosed.causes:  # a thread that the first client starts for all is no reason to stop
            self._threads[route] += any(isinstance(event, ThreadsLeft) for event in events)
            self._threads[route] += _HELD * _waits_for_a_thread(diagnosed.recording)
        self._full[route] += any(isinstance(event, RecordingFull) for event in events[-1:])

    def reached(self, route: str) -> str:
        """Why no other case of ``route`` is to begin; empty if there is no reason."""
        if self.interrupted:
            return "the run was interrupted"
        if time.monotonic() >= self.deadline:
            return self.time_is_over
        if (lost := self._lost[route]) >= _TOO_MUCH:
            return f"{lost} sessions before had to be ended with their process"
        if (died := self._died[route]) >= _DIED:
            return f"{died} sessions before ended their process"
        if (full := self._full[route]) >= _TOO_MUCH:
            return f"{full} sessions had too many events: the handler sends without ever waiting"
        if self._threads[route] >= _TOO_SLOW:
            return "its sessions leave threads behind, and each of them takes seconds"
        return ""


def _waits_for_a_thread(recording: Recording) -> bool:
    """Whether the handler was given up before the virtual time was over that it had: a thread kept it."""
    return (
        recording.watched < Timeouts.of(Timing(clock=recording.clock, grace=recording.grace)).watch
    )

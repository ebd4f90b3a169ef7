"""When to stop: the time is over, somebody interrupts, or a route is more than can be run."""

from __future__ import annotations

import time
from collections import Counter

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.recording.events import RecordingFull, ThreadsLeft, WorkerLost
from wsdoctor.recording.recording import Recording
from wsdoctor.session.patience import Patience

_TOO_MUCH = 2
"""After so many sessions that took their process with them, or could not be recorded, a route is
left alone."""

_TOO_SLOW = 12
"""After so many sessions that left threads behind, each of which costs more than a second of real
time, a route is left alone: what is to be seen of it has been seen."""

_HELD = 6
"""A handler that waits for a thread which does not end costs as much as so many of them."""


class Limits:
    """Asked before each case; several threads may ask. ``max_time`` is in wall seconds from now."""

    def __init__(self, max_time: float | None = None) -> None:
        self._max_time = max_time
        self._deadline = None if max_time is None else time.monotonic() + max_time
        self._lost: Counter[str] = Counter()
        self._full: Counter[str] = Counter()
        self._threads: Counter[str] = Counter()
        self.interrupted = False

    def begin_anew(self) -> None:
        """Forget an interruption, and the sessions that it ended; what time is left stays the same."""
        self.interrupted = False
        for counted in (self._lost, self._full, self._threads):
            counted.clear()

    def ran(self, diagnosed: Diagnosed) -> None:
        """Take note of how a case ended."""
        events = diagnosed.recording.events
        route = diagnosed.result.route
        self._lost[route] += any(isinstance(event, WorkerLost) for event in events)
        if diagnosed.causes:  # a thread that the first client starts for all is no reason to stop
            self._threads[route] += any(isinstance(event, ThreadsLeft) for event in events)
            self._threads[route] += _HELD * _waits_for_a_thread(diagnosed.recording)
        self._full[route] += any(isinstance(event, RecordingFull) for event in events[-1:])

    def reached(self, route: str) -> str:
        """Why no other case of ``route`` is to begin; empty if there is no reason."""
        if self.interrupted:
            return "the run was interrupted"
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return f"the {self._max_time:g} s that --max-time gives were over"
        if (lost := self._lost[route]) >= _TOO_MUCH:
            return f"{lost} sessions before ended, or had to be ended, with their process"
        if (full := self._full[route]) >= _TOO_MUCH:
            return f"{full} sessions had too many events: the handler sends without ever waiting"
        if self._threads[route] >= _TOO_SLOW:
            return "its sessions leave threads behind, and each of them takes seconds"
        return ""


def _waits_for_a_thread(recording: Recording) -> bool:
    """Whether the handler was given up before the virtual time was over that it had: a thread kept it."""
    return recording.watched < Patience.for_clock(recording.clock, recording.grace).watch

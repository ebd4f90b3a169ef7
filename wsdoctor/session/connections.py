"""Connections that are over and still referenced: which, for how long, and under what name."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence

from wsdoctor.recording.events import (
    ConnectionHeld,
    ConnectionReleased,
    ConnectionsKept,
    Holder,
)
from wsdoctor.session.recorder import Recorder
from wsdoctor.session.referrers import holders
from wsdoctor.session.tap import Tap
from wsdoctor.session.timers import TimerObserver

_FIRST_LOOK = 1.0
"""Seconds after which a connection that is held is looked at again; each time it is four times as long."""


class ConnectionObserver:
    """Observes the ``receive`` and ``send`` that the tap gave to the application.

    The framework's connection object holds both. To ask whether they still exist costs nothing. The
    search for their holder starts only when they have outlived every grace period.
    """

    def __init__(
        self, recorder: Recorder, tap: Tap, now: Callable[[], float], timers: TimerObserver
    ) -> None:
        self._recorder = recorder
        self._wires = tap.wires
        self._now = now
        self._timers = timers.holder
        self._holders: tuple[Holder, ...] = ()

    def held(self, connection: int) -> bool:
        """Whether it is still referenced; perhaps only by what the collector has not come to yet."""
        wire = self._wires.get(connection)
        return wire is not None and wire() is not None

    async def stays(self, connection: int, until: float) -> bool:
        """Whether ``connection`` is still referenced at ``until`` (of the loop's time)."""
        if not self.held(connection):
            return False
        gc.collect()
        if not self.held(connection):
            return False
        recorder = self._recorder
        recorder.add(ConnectionHeld(**recorder.here(), connection=connection))
        pause = _FIRST_LOOK
        while (left := until - self._now()) > 0:
            await asyncio.sleep(min(pause, left))
            pause *= 4
            gc.collect()
            if not self.held(connection):
                self._released(connection)
                return False
        return True

    def all_held(self) -> bool:
        """Whether every connection so far is still referenced."""
        if not all(map(self.held, self._wires)):
            return False
        gc.collect()
        if not self.held(1):
            self._released(1)
        return all(map(self.held, self._wires))

    @property
    def latest(self) -> int:
        """The number of the last connection that was made; 0 if there was none."""
        return max(self._wires, default=0)

    def are_held(self, connections: Sequence[int]) -> bool:
        """Whether all of ``connections`` are still referenced."""
        gc.collect()
        return all(map(self.held, connections))

    def find_holders(self, pair: tuple[int, int] = (1, 2)) -> bool:
        """Whether it is code of the user's that holds both connections of ``pair``."""
        first, second = (self._wires[number]() for number in pair)
        if first is None or second is None:
            return False
        self._holders = holders(first, second, self._recorder.user_code, self._timers)
        for holder in self._holders:
            self._recorder.remember(holder.file)
        return bool(self._holders)

    def report_apart(self, connections: Sequence[int], what: str) -> None:
        """All of ``connections`` are held, whose clients differ in ``what``, if it is code of the user's."""
        if self.find_holders((connections[0], connections[1])):
            self._kept(len(connections), what)

    def report(self) -> None:
        """All of them are held, under the names that hold the first two now.

        A list that is cut to the last few had held them, too, when there were no more.
        """
        self.find_holders()
        self._kept(len(self._wires))

    def _kept(self, count: int, apart: str = "") -> None:
        recorder = self._recorder
        recorder.add(
            ConnectionsKept(
                **recorder.here(),
                connection=1,
                count=count,
                holders=self._holders,
                apart=apart,
            )
        )

    def _released(self, connection: int) -> None:
        recorder = self._recorder
        recorder.add(ConnectionReleased(**recorder.here(), connection=connection))

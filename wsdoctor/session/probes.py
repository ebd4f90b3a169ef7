"""The user's own probes: what must be as before when a connection has ended."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from typing import Literal

from wsdoctor.recording.events import ExceptionInfo, ProbeRead
from wsdoctor.session.recorder import Recorder

_FIRST_LOOK = 1.0
"""Seconds after which a probe that is off is read again; each time it is four times as long."""

_LONGEST = 200
"""Characters of a value."""


@dataclass(frozen=True, slots=True)
class Probe:
    """``read`` gives the value, or an awaitable of it; ``name`` is what the user calls it."""

    name: str
    read: Callable[[], object]


class ProbeReader:
    """Reads ``probes`` before and after each connection, and says which are off."""

    def __init__(
        self, recorder: Recorder, probes: Sequence[Probe], now: Callable[[], float]
    ) -> None:
        self._recorder = recorder
        self._probes = probes
        self._now = now
        self._before: dict[str, str] = {}
        self.off: frozenset[str] = frozenset()
        """Those that have not come back after any connection so far."""
        self._failed: set[str] = set()

    async def read_before(self, connection: int) -> None:
        """Remember what each probe says now."""
        for probe in self._probes:
            value, error = await self._read(probe)
            self._before[probe.name] = value
            self._add(connection, probe, "before", value, error)

    async def stays_off(self, connection: int, until: float) -> bool:
        """Whether a probe is not what it was before ``connection`` at ``until`` (of the loop's time)."""
        if not self._probes:
            return False
        pause = _FIRST_LOOK
        while True:
            gc.collect()
            read = [(probe, *await self._read(probe)) for probe in self._probes]
            off = {probe.name for probe, value, _ in read if value != self._before[probe.name]}
            off -= self._failed
            left = until - self._now()
            if not off or left <= 0:
                break
            await asyncio.sleep(min(pause, left))
            pause *= 4
        for probe, value, error in read:
            self._add(connection, probe, "after", value, error)
        self.off = frozenset(off if connection == 1 else off & self.off)
        return bool(self.off)

    async def _read(self, probe: Probe) -> tuple[str, ExceptionInfo | None]:
        try:
            value = probe.read()
            if inspect.isawaitable(value):
                value = await value
            if isinstance(value, Sized) and not isinstance(value, str | bytes):
                value = len(value)
            return repr(value)[:_LONGEST], None
        except Exception as error:  # noqa: BLE001 - the user's code may raise anything
            self._failed.add(probe.name)
            return "", self._recorder.exception(error)

    def _add(
        self,
        connection: int,
        probe: Probe,
        when: Literal["before", "after"],
        value: str,
        error: ExceptionInfo | None,
    ) -> None:
        recorder = self._recorder
        recorder.add(
            ProbeRead(
                **recorder.here(),
                connection=connection,
                probe=probe.name,
                when=when,
                value=value,
                exception=error,
            )
        )

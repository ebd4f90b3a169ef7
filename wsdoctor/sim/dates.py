"""Timers that an application sets by the date: their delays end at a time of the wall clock.

The date does not advance with virtual time. When such a timer ends, its date is still in the future, and
the task that set it waits again: for as long as before, less the little real time that has passed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

_AGAIN = 3
"""How often in a row that is seen before it is believed: a delay may be shorter by chance."""

_AS_MUCH = 0.3
"""By what part of the real time the delays may differ from it: some passes before the timer is set."""


@dataclass(slots=True)
class _Timer:
    ends: float
    """Virtual seconds."""
    delay: float
    wall: float
    """When it was set, in seconds of ``time.monotonic()``."""
    again: int = 0
    shorter: float = 0.0
    passed: float = 0.0


class DateTimers:
    """Notices who sets timers by the date."""

    def __init__(self) -> None:
        self.found = ""
        """The name of the first coroutine or callback that does; "" if none was seen."""
        self._timers: dict[tuple[int, ...], _Timer] = {}

    def set(self, callback: Callable[..., object], now: float, ends: float) -> None:
        """A timer is set at ``now`` (virtual seconds) that calls ``callback`` when it ``ends``."""
        if self.found:
            return
        who, name = _setter(callback)
        timer = _Timer(ends, ends - now, time.monotonic())
        before = self._timers.get(who)
        if before is not None and 0 <= now - before.ends < before.delay:
            shorter, passed = before.delay - timer.delay, timer.wall - before.wall
            if 0 < shorter < before.delay / 2:
                timer.again = before.again + 1
                timer.shorter, timer.passed = before.shorter + shorter, before.passed + passed
        self._timers[who] = timer
        if timer.again >= _AGAIN and _is_like(timer.shorter, timer.passed):
            self.found = name
            self._timers.clear()


def _is_like(shorter: float, passed: float) -> bool:
    return abs(shorter - passed) < _AS_MUCH * passed


def _setter(callback: Callable[..., object]) -> tuple[tuple[int, ...], str]:
    """The owner of a timer, and its name: the task that asyncio will wake up, or the object of the method.

    The owner is an ``id()``, which does not keep a task alive.
    """
    task = asyncio.current_task()
    if task is not None and str(getattr(callback, "__module__", "")).startswith("asyncio."):
        coroutine = task.get_coro()
        return (id(task),), getattr(coroutine, "__qualname__", "")
    owner = getattr(callback, "__self__", None)
    function = getattr(callback, "__func__", callback)
    return (id(owner), id(function)), getattr(callback, "__qualname__", "")

"""Are two Recordings of one case the same sequence of events?"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from wsdoctor.recording.events import AnyEvent
from wsdoctor.recording.recording import Recording

_CHANGING = re.compile(r"0x[0-9a-f]+|\d+")
"""Addresses, times, numbers of threads: in texts they differ from one run to the next."""

_OF_NO_ACCOUNT = frozenset({"step", "size", "preview", "id"})
_TEXTS = frozenset({"message", "detail", "reason", "name", "value"})


def difference(first: Recording, second: Recording) -> str:
    """Where ``second`` leaves the sequence of ``first``, for people; empty if it never does.

    What a message says, and how long it is, does not count: people send the time. Where one of the
    sessions spent real time, the times of its events do not count either.
    """
    timed = first.clock == second.clock == "virtual" and not (
        first.used_wall_time or second.used_wall_time
    )
    before, after = _told(first, timed=timed), _told(second, timed=timed)
    for number, (was, now) in enumerate(zip(before, after, strict=False)):
        if was != now:
            return (
                f"event {number + 1} of {len(before)} was {_shortly(first.events[number])}, "
                f"and then {_shortly(second.events[number])}"
            )
    if len(before) != len(after):
        return f"there were {len(before)} events, and then {len(after)}"
    return ""


def _told(recording: Recording, *, timed: bool) -> list[Any]:
    left_out = _OF_NO_ACCOUNT if timed else _OF_NO_ACCOUNT | {"time"}
    return [_plain(item, left_out) for item in msgspec.to_builtins(recording.events)]


def _plain(value: Any, left_out: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _CHANGING.sub("#", item)
            if key in _TEXTS and isinstance(item, str)
            else _plain(item, left_out)
            for key, item in value.items()
            if key not in left_out
        }
    if isinstance(value, list | tuple):
        return [_plain(item, left_out) for item in value]
    return value


def _shortly(event: AnyEvent) -> str:
    message = getattr(event, "message", "")
    about = f" {message}" if message else ""
    return f"{type(event).__name__}{about} at {event.time:.3f} s"

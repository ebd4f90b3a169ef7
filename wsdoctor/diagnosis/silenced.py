"""Which messages a new connection stopped getting when the old one of the same client was cleaned up.

It may get others all the time: an application answers what a client says, and has stopped its ticker.
Messages are compared by their kind: what they begin with, without its numbers.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from wsdoctor.recording.events import AnyEvent, FrameReceived

_STEADY = 3.0
"""Seconds in which a message comes …"""

_OFTEN = 2
"""… at least so often, if it is one that comes all the time."""

_AT_ONCE = 1.5
"""Seconds between the last of such messages and the clean-up that has stopped them, at most."""

_VARIES = re.compile(r"\b[0-9a-fA-F]{8,}(?:-[0-9a-fA-F]+)*\b|\d[\d.,:]*")
_BEGINNING = 24
"""Letters that distinguish kinds of messages, which are recorded only up to a limit."""

Times = dict[str, list[float]]
"""When the messages of each kind came."""


def times_of(events: Iterable[AnyEvent], connection: int) -> Times:
    """When the messages of each kind came to ``connection``."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for event in events:
        if (
            isinstance(event, FrameReceived)
            and event.connection == connection
            and event.opcode in {"text", "binary"}
        ):
            found[_kind(event)].append(event.time)
    return found


def silenced(old: Times, new: Times, *, vanished: float, returned: float) -> tuple[str, ...]:
    """The kinds that came to both all the time, and to the new one only until the old one was cleaned up.

    The old one ``vanished``, and later its handler ``returned``. What stops at another time has stopped by
    itself.
    """
    return tuple(
        kind
        for kind, times in old.items()
        if sum(vanished - _STEADY <= time <= vanished for time in times) >= _OFTEN
        and len(came := new.get(kind, [])) >= _OFTEN
        and came[0] < returned
        and abs(came[-1] - returned) <= _AT_ONCE
    )


def _kind(event: FrameReceived) -> str:
    return f"{event.opcode} {_VARIES.sub('#', event.preview)[:_BEGINNING]}"

"""What two worlds must agree on, in words that can be compared.

Left out is what cannot be the same and says nothing: the time of day in a payload, the numbers of
ports, the addresses of objects, the iterations of the loop.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from tests.parity.cells import Cell
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.rule import Occurrence
from wsdoctor.recording.case import TOGETHER
from wsdoctor.recording.events import (
    AnyEvent,
    AppCalled,
    AppReturned,
    ClientEnded,
    ExceptionInfo,
    FrameReceived,
    LogEmitted,
    LoopErrorReported,
    ObservationEnded,
    ReceiveCalled,
    ReceiveReturned,
    SendCalled,
    SendReturned,
    TaskEnded,
)
from wsdoctor.recording.recording import Recording

_CHANCE = re.compile(
    r"0x[0-9a-f]+"  # the address of an object, in its repr
    r"|(?<=cancel scope )[0-9a-f]+"  # … and as anyio writes it
    r"|\('127\.0\.0\.1', \d+\)|127\.0\.0\.1:\d+"  # a port that the system chose
)
_TIME_OF_DAY = frozenset({"complex-data-fixed", "websocket-stream"})
"""They send ``time.time()`` as JSON, which has one digit more or less now and then."""


def exactly(cell: Cell, recording: Recording) -> list[str]:
    """Every event of a recording in virtual time, to the last field: times, tasks, stacks.

    Where two clients leave together, connection by connection: on a busy machine the kernel reports
    the later of two ends first now and then (in 3 of 1,000 such cells, six of them run at a time).
    """
    events = _observed(recording)
    if cell.case.moment.startswith(TOGETHER):
        events.sort(key=lambda event: getattr(event, "connection", 0))
    return [_without_chance(repr(_plain(cell, event))) for event in events]


Line = tuple[Any, ...]


def tale(recording: Recording, before: float = float("inf")) -> list[Line]:
    """The ASGI messages, log records, exceptions and ends of a session, in order.

    They belong to the first connection and the first ``before`` seconds. The list has no times, and no
    lines that depend on a session's patience, which is shorter on the wall clock: the second visit, and
    the samples that it takes when it has waited.
    """
    lines = (
        _crossed(event) or _came_of_it(event)
        for event in _observed(recording)
        if event.time < before and getattr(event, "connection", 0) in {0, 1}
    )
    return [line for line in lines if line is not None]


def _crossed(event: AnyEvent) -> Line | None:
    match event:
        case AppCalled():
            return ("called",)
        case AppReturned():
            return ("returned", _raised(event.exception))
        case ReceiveCalled():
            return ("receive", event.call)
        case ReceiveReturned():
            return ("received", event.call, event.message, event.code, _raised(event.exception))
        case SendCalled():
            return ("send", event.call, event.message, event.code, event.sender)
        case SendReturned():
            return ("sent", event.call, _raised(event.exception))
    return None


def _came_of_it(event: AnyEvent) -> Line | None:
    match event:
        case TaskEnded():
            return ("ended", event.task, event.outcome, _raised(event.exception))
        case LogEmitted():
            said = _without_chance(event.message)
            return ("log", event.logger, event.level, said, _raised(event.exception))
        case LoopErrorReported():
            return ("loop", _without_chance(event.message), _raised(event.exception))
        case ClientEnded():
            return ("client ended", event.code)
    return None


def judgement(recording: Recording) -> Line:
    """The diagnosis, without its sentences, for they tell times: codes, places, marks, verdict."""
    diagnosed = diagnose(recording)
    result = diagnosed.result
    causes = tuple(
        (_occurrence(cause.occurrence), tuple(_occurrence(item) for item in cause.symptoms))
        for cause in diagnosed.causes
    )
    return (result.verdict, result.markers, result.close_code, causes)


def first_difference(these: list[Any], those: list[Any]) -> str:
    """For people: where two lists part, and how they go on."""
    pairs = zip(these, those, strict=False)
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(these), len(those)))
    told = [f"the first {at} of {len(these)} and {len(those)} are the same"]
    told += [f"  one   {str(line)[:160]}" for line in these[at : at + 2]]
    told += [f"  other {str(line)[:160]}" for line in those[at : at + 2]]
    return "\n".join(told)


def _observed(recording: Recording) -> list[AnyEvent]:
    """The events before wsdoctor ended the session."""
    events = list(recording.events)
    end = next(i for i, event in enumerate(events) if isinstance(event, ObservationEnded))
    return events[:end]


def _plain(cell: Cell, event: AnyEvent) -> AnyEvent:
    """``event`` without the iteration it fell on, and without the time of day."""
    # Real sockets take some iterations more, to connect for instance. And sums of the same timers'
    # floats may differ in the last digit.
    event = replace(event, step=0, time=round(event.time, 6))
    if isinstance(event, FrameReceived):
        event = replace(event, preview="")
    if isinstance(event, FrameReceived | SendCalled) and cell.variant in _TIME_OF_DAY:
        event = replace(event, size=0)
    return event


def _raised(error: ExceptionInfo | None) -> Line | None:
    if error is None:
        return None
    return (
        error.type,
        _without_chance(error.message),
        _raised(error.cause),
        _raised(error.context),
        *(_raised(member) for member in error.members),
    )


def _occurrence(occurrence: Occurrence) -> Line:
    place = occurrence.place
    line = None if place is None else (place.function, place.line)
    return (occurrence.code, occurrence.severity, occurrence.fault, occurrence.mark, line)


def _without_chance(text: str) -> str:
    return _CHANCE.sub("…", text)

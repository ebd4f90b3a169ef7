"""What lived on a connection: the handler, its tasks and its async generators."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from wsdoctor.diagnosis.exceptions import name
from wsdoctor.recording.events import (
    AnyEvent,
    AppCalled,
    AppReturned,
    AsyncGeneratorEnded,
    AsyncGeneratorFinalized,
    AsyncGeneratorStarted,
    Event,
    ObservationEnded,
    StackFrame,
    TaskCreated,
    TaskEnded,
)
from wsdoctor.recording.recording import Recording
from wsdoctor.report.model import Lifeline

_MOST = 16
"""An application that starts a task for each message has many that are alike."""


def lifelines(recording: Recording, kept: Sequence[int]) -> tuple[Lifeline, ...]:
    """The lives in ``recording``, in the order of their beginnings.

    ``kept`` are the places of the events that are shown: births and deaths are given as places in it.
    """
    lives = list(_lives(recording.events, kept))
    if len(lives) > _MOST:
        # The handler, and of the others those that live longest.
        last = max(kept, default=0) + 1
        span = {
            life: last if life.last is None else life.last - life.first
            for life in lives
            if life.kind != "handler"
        }
        longest = sorted(span, key=lambda life: -span[life])[: _MOST - 1]
        lives = [life for life in lives if life.kind == "handler" or life in longest]
    return tuple(lives)


def _lives(events: Sequence[AnyEvent], kept: Sequence[int]) -> Iterator[Lifeline]:
    observed = next(
        (i for i, event in enumerate(events) if isinstance(event, ObservationEnded)), len(events)
    )
    deaths = _deaths(events[:observed])
    for index, event in enumerate(events[:observed]):
        match event:
            case AppCalled(connection=connection, path=path):
                key, kind, called, place = ("app", connection), "handler", f"handler of {path}", ""
            case TaskCreated(task=task, coroutine=coroutine, stack=stack):
                key, kind, called = ("task", task), "task", coroutine.rpartition(".")[2]
                place = _place(stack[-1]) if stack else ""
            case AsyncGeneratorStarted(generator=number, function=function, iterated_at=at):
                key, kind, called = ("generator", number), "generator", function.rpartition(".")[2]
                place = _place(at) if at else ""
            case _:
                continue
        end = deaths.get(key)
        yield Lifeline(
            name=called,
            kind=kind,  # type: ignore[arg-type]  # one of the three above
            begin=round(event.time, 6),
            end=None if end is None else round(events[end].time, 6),
            first=min(bisect_left(kept, index), max(len(kept) - 1, 0)),
            last=None if end is None else min(bisect_left(kept, end), max(len(kept) - 1, 0)),
            outcome="" if end is None else _outcome(events[end]),
            place=place,
        )


def _place(frame: StackFrame) -> str:
    return f"{frame.file.replace(chr(92), '/').rpartition('/')[2]}:{frame.line}"


def _deaths(events: Sequence[Event]) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    for index, event in enumerate(events):
        match event:
            case AppReturned(connection=number):
                found["app", number] = index
            case TaskEnded(task=number):
                found["task", number] = index
            case AsyncGeneratorEnded(generator=number) | AsyncGeneratorFinalized(generator=number):
                found.setdefault(("generator", number), index)
    return found


def _outcome(event: Event) -> str:
    match event:
        case AppReturned(exception=None):
            return "returned"
        case AppReturned(exception=error) if error is not None:
            return f"raised {name(error)}"
        case TaskEnded(outcome=outcome, exception=error):
            return f"raised {name(error)}" if error and outcome == "raised" else outcome
        case AsyncGeneratorFinalized():
            return "left suspended, thrown away"
    return "ended"

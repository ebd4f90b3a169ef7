"""WSD404 event-loop-blocked: a synchronous call held the event loop."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import subject, where
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.recording.events import StackFrame, WorkerLost


def detect(connection: Connection) -> Iterator[Occurrence]:
    for event in connection.all(WorkerLost):
        lines = {_user_line(stack) for stack in event.samples}
        if len(event.samples) < 2 or len({(line.file, line.function) if line else None for line in lines}) != 1:  # noqa: PLR2004 - one sample proves nothing
            continue
        place = next(iter(lines))
        if place is None:
            continue
        yield Occurrence(
            code=RULE.code,
            message=f"{subject(connection, place)} holds the event loop at {where(place)}: nothing else can run, "
            "not even the server's shutdown",
            place=place,
            severity="error",
            mark="masked",
            index=connection.events.index(event),
            evidence=(f"{len(event.samples)} stack samples, all in {place.function}",),
        )


def _user_line(stack: tuple[StackFrame, ...]) -> StackFrame | None:
    return next((frame for frame in reversed(stack) if frame.user), None)


RULE = Rule(
    code="WSD404",
    name="event-loop-blocked",
    summary="a synchronous call held the event loop and did not give it back",
    why=(
        "While one handler holds the loop no other connection is served, no ping is answered and no signal is handled: the "
        "process looks alive and is dead. Even SIGTERM does not end it."
    ),
    silence="Never intended.",
    remedies={"": "Give blocking work to a thread (`await asyncio.to_thread(...)`), and let every loop that never ends await something."},
    detect=detect,
)

"""WSD404 event-loop-blocked: a synchronous call held the event loop."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import subject, where
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import remedy
from wsdoctor.diagnosis.source import loop_around
from wsdoctor.recording.events import StackFrame, WorkerLost

_ENOUGH = 2
"""One sample proves nothing."""


def detect(connection: Connection) -> Iterator[Occurrence]:
    for event in connection.all(WorkerLost):
        lines = [line for stack in event.samples if (line := _user_line(stack)) is not None]
        where_to = {(line.file, line.function) for line in lines}
        if len(event.samples) < _ENOUGH or len(lines) < len(event.samples) or len(where_to) != 1:
            continue
        place = loop_around(connection, lines)
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
    summary="a call, or a loop that never waits, held the event loop and did not give it back",
    why=(
        "While one handler holds the event loop no other connection is served, no ping is answered "
        "and no signal is handled: the process looks alive and serves nobody. Even SIGTERM does not "
        "end it, because uvicorn needs the loop to act on it."
    ),
    silence="Never: one client stops the service for all.",
    remedies={
        "": remedy(
            "Give blocking work to a thread: `await asyncio.to_thread(...)`. And let the disconnect "
            "end the loop that reads, for from then on each read raises at once:",
            """
            while True:
                try:
                    ...
                except (KeyError, ValueError):
                    continue
                except WebSocketDisconnect:
                    break
            """,
        ),
    },
    detect=detect,
)

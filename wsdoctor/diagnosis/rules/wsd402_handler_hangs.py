"""WSD402 handler-hangs: the handler never returned after the connection ended."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import innermost, subject, where
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.rule import Occurrence, Rule, seconds
from wsdoctor.plan.kinds import SERVER_KINDS
from wsdoctor.recording.events import StacksSampled


def detect(connection: Connection) -> Iterator[Occurrence]:
    if connection.called is None or connection.returned is not None or connection.end_known is None:
        return
    if connection.recording.case.kind in SERVER_KINDS:
        return  # WSD403
    sample = connection.sampled("hang")
    if sample is None:
        return
    place = innermost(connection, sample.stack)
    awaits = f", which awaits {sample.awaits}" if sample.awaits else ""
    stack = " -> ".join(f"{frame.function} ({where(frame)})" for frame in sample.stack if frame.user)
    yield Occurrence(
        code=RULE.code,
        message=f"{subject(connection, place)} never returned: {seconds(connection.recording.watched)} after the end of the "
        f"connection it is stuck at {where(place)}{awaits}",
        place=place,
        severity="error",
        mark="masked",
        index=next(i for i, event in enumerate(connection.events) if isinstance(event, StacksSampled)),
        evidence=(f"await stack: {stack}",) if stack else (),
    )


RULE = Rule(
    code="WSD402",
    name="handler-hangs",
    summary="the handler never returned after the connection ended",
    why=(
        "Every client that leaves leaks a task with all that it holds, until the process runs out of memory; and the server "
        "cannot stop without being killed."
    ),
    silence="Never intended.",
    remedies={
        "": "Whatever the handler waits for must end with the connection: wait for it and for the disconnect together "
        "(`asyncio.wait(..., return_when=FIRST_COMPLETED)` or a task group), and cancel the rest.",
    },
    detect=detect,
)

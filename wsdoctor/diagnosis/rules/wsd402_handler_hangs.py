"""WSD402 handler-hangs: the handler never returned after the connection ended."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import innermost, subject, where
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.rule import Occurrence, Rule, seconds
from wsdoctor.diagnosis.rules._defiant import defiant
from wsdoctor.diagnosis.rules._remedies import CANCEL_IN_LIFESPAN, remedy
from wsdoctor.plan.kinds import SERVER_KINDS
from wsdoctor.recording.events import SendCalled, SendReturned, StacksSampled, TaskStack


def detect(connection: Connection) -> Iterator[Occurrence]:
    if connection.called is None or connection.returned is not None or connection.end_known is None:
        return
    if connection.recording.case.kind in SERVER_KINDS:
        return  # WSD403
    sample = connection.sampled("hang")
    if sample is None or _defies(connection, sample):
        return
    place = innermost(connection, sample.stack)
    awaits = f", which awaits {sample.awaits}" if sample.awaited_task else ""
    stack = " -> ".join(
        f"{frame.function} ({where(frame)})" for frame in sample.stack if frame.user
    )
    yield Occurrence(
        code=RULE.code,
        message=f"{subject(connection, place)} never returned: {seconds(connection.recording.watched)} after the end of the "
        f"connection it is stuck at {where(place)}{awaits}",
        place=place,
        severity="error",
        mark="masked",
        index=next(
            i for i, event in enumerate(connection.events) if isinstance(event, StacksSampled)
        ),
        fault="server" if _server_holds(connection, sample) else "app",
        evidence=tuple(_evidence(connection, sample, stack)),
        explains=connection.untold,
    )


def _defies(connection: Connection, sample: TaskStack) -> bool:
    """Whether the application cancelled what is stuck, or what it waits for, in vain (WSD502)."""
    asked = {number for number, task in defiant(connection).items() if task.request.by == "app"}
    gathered = (
        number
        for number in asked & connection.tasks.keys()
        if connection.tasks[number].parent == sample.task
    )
    return bool(asked & {sample.task, sample.awaited_task, *gathered})


def _server_holds(connection: Connection, sample: TaskStack) -> bool:
    """Whether the handler waits for a `send()` of the server's, and has not been told of the end."""
    answered = {event.call for event in connection.all(SendReturned)}
    return connection.delivered is None and any(
        event.task == sample.task and event.call not in answered
        for event in connection.all(SendCalled)
    )


def _evidence(connection: Connection, sample: TaskStack, stack: str) -> Iterator[str]:
    if stack:
        yield f"await stack: {stack}"
    if _server_holds(connection, sample):
        yield "it waits in `send()`, which the server neither lets through nor refuses"
    if connection.delivered is None and connection.refusals:
        yield "a send that failed told it that the client had left, and it went on"


RULE = Rule(
    code="WSD402",
    name="handler-hangs",
    summary="the handler never returned after the connection ended",
    why=(
        "Every client that leaves adds a task, with all that it holds, until the process runs out "
        "of memory; and the server cannot stop until it is killed."
    ),
    silence="Never: nobody is left to wait for.",
    remedies={
        "": remedy(
            "What the handler waits for has to end with the connection. Let it read, and do the rest "
            "in a task that is cancelled when the reading ends (`gather` cancels nothing when one "
            "side returns):",
            """
            task = asyncio.create_task(send(websocket, queue))
            try:
                await receive(websocket, queue)
            finally:
                if not task.done():
                    task.cancel()
                    await asyncio.wait([task])
            """,
        ),
        "litestar": remedy(
            "What the handler waits for has to end with the connection. The listener reads; do the "
            "rest in a task that is cancelled when the listener ends:",
            CANCEL_IN_LIFESPAN,
        ),
    },
    detect=detect,
)

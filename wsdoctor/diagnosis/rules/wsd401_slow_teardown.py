"""WSD401 slow-teardown: the handler returned later than the grace time after the disconnect."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import innermost, read, subject, where
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.rule import Occurrence, Rule, seconds
from wsdoctor.diagnosis.rules._remedies import (
    CANCEL_IN_LIFESPAN,
    CANCEL_THEN_WAIT,
    WHY_WAIT,
    remedy,
)
from wsdoctor.recording.events import AppReturned, StacksSampled


def detect(connection: Connection) -> Iterator[Occurrence]:
    late = connection.teardown
    if late is None or late <= connection.recording.grace:
        return
    sample = connection.sampled("teardown")
    place = innermost(connection, sample.stack) if sample else connection.recording.handler
    line = read(connection, place)
    waits = f"still waits for `{line.awaited}`" if line.awaited else "is still"
    evidence = [f"the handler ended {seconds(late)} after the connection did"]
    if line.awaited and not (line.cancelled_before or line.cancelled_after):
        evidence.append(f"`{line.awaited}` is never cancelled: it ends when it next wakes up")
    index = next(
        i
        for i, event in enumerate(connection.events)
        if isinstance(event, StacksSampled | AppReturned)
    )
    yield Occurrence(
        code=RULE.code,
        message=f"{subject(connection, place)} {waits} at {where(place)} "
        f"{seconds(connection.recording.grace)} after the disconnect",
        place=place,
        severity="warning",
        mark="masked",
        index=index,
        evidence=tuple(evidence),
        explains=connection.untold,
    )


RULE = Rule(
    code="WSD401",
    name="slow-teardown",
    summary="the handler returned later than the grace time after the disconnect",
    why=(
        "While the handler lingers it holds its task, its memory and its subscriptions for a client "
        "that has left, and a server that is asked to stop waits for it. With many clients that "
        "come and go this adds up."
    ),
    silence="If the clean-up has real work to do: raise `--grace SECONDS`.",
    remedies={
        "": remedy(
            "Do not wait for a task until it looks at a flag or wakes up by itself. Cancel it, and "
            "then wait for it:",
            CANCEL_THEN_WAIT,
            WHY_WAIT,
        ),
        "litestar": remedy(
            "Do not wait for a task until it looks at a flag or wakes up by itself. Cancel it, and "
            "then wait for it:",
            CANCEL_IN_LIFESPAN,
            WHY_WAIT,
        ),
    },
    detect=detect,
)

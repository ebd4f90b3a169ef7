"""WSD401 slow-teardown: the handler returned later than the grace time after the disconnect."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import returns_within
from wsdoctor.diagnosis.location import innermost, path, subject, where
from wsdoctor.diagnosis.logged import Signature
from wsdoctor.diagnosis.remedy_context import meanwhile, setting_of
from wsdoctor.diagnosis.rule import ORIGIN, Occurrence, Rule, seconds
from wsdoctor.diagnosis.rules._remedies import WHEN_IT_ENDS, WHY_WAIT, remedy, worded
from wsdoctor.diagnosis.rules._snippets import (
    CANCEL_IN_HOOKS,
    CANCEL_IN_LIFESPAN,
    CANCEL_THEN_WAIT,
    LIMIT,
)
from wsdoctor.diagnosis.source import read


def detect(connection: Connection) -> Iterator[Occurrence]:
    late, returned = connection.teardown, connection.returned
    if (
        late is None
        or returned is None
        or late - connection.awaited_outside <= connection.recording.grace
    ):
        return
    if connection.closes_slowly:
        return  # the server takes its time for a close that it could be asked for
    sample = connection.sampled("teardown")
    place = innermost(connection, sample.stack) if sample else connection.recording.handler
    line = read(connection, place)
    waits = f"still waits for `{line.expression}`" if line.expression else "is still"
    evidence = [f"the handler ended {seconds(late)} after the connection did"]
    if sample and (way := path(sample.stack)):
        evidence.append(f"call path: {way}")
    if line.awaited and not (line.cancelled_before or line.cancelled_after):
        evidence.append(f"`{line.awaited}` is never cancelled: it ends when it next wakes up")
    others = meanwhile(connection, "teardown")
    evidence.extend(others)
    yield Occurrence(
        code=RULE.code,
        message=f"{subject(connection, place)} {waits} at {where(place)} "
        f"{seconds(connection.recording.grace)} after the disconnect",
        place=place,
        severity="warning",
        mark="masked",
        index=connection.sampled_at("teardown") if sample else connection.events.index(returned),
        evidence=tuple(evidence),
        setting=setting_of(connection, sample.stack if sample else ()) if others else "wait",
        explains=connection.untold,
    )


RULE = Rule(
    code="WSD401",
    name="slow-teardown",
    summary="the handler returned later than the grace time after the disconnect",
    severity="warning",
    effect="late",
    happens="the handler returns late",
    why=(
        "While the handler lingers it holds its task, its memory and its subscriptions for a client "
        "that has left, and a server that is asked to stop waits for it. With many clients that "
        "come and go this adds up."
    ),
    silence="If the clean-up has real work to do: raise `--grace SECONDS`.",
    remedies={
        **worded(
            "",
            "Do not wait for a task until it looks at a flag or wakes up by itself. Cancel it, and "
            "then wait for it:",
            WHEN_IT_ENDS,
            CANCEL_THEN_WAIT,
            WHY_WAIT,
        ),
        **worded(
            "hooks",
            "Do not wait for a task until it looks at a flag or wakes up by itself. Cancel it, and "
            "then wait for it:",
            CANCEL_IN_HOOKS,
            WHY_WAIT,
        ),
        "litestar/lifespan": remedy(
            "Do not wait for a task until it looks at a flag or wakes up by itself. Cancel it, and "
            "then wait for it:",
            CANCEL_IN_LIFESPAN,
            WHY_WAIT,
        ),
        "/wait": remedy(
            "Whatever this line waits for, the client that has left does not need it any more. Give it "
            "up, or give it a limit. Work that has to be finished all the same belongs to a task of "
            "the application's own, which no connection waits for.",
            LIMIT,
        ),
    },
    detect=detect,
    links=(ORIGIN, "https://docs.python.org/3/library/asyncio-task.html#asyncio.wait"),
    rank=250,
    lateness="is",
    lingers=True,
    tells_of_return=True,
    checks={
        "": returns_within(
            "GRACE", "the handler had not returned when the grace time was over", "grace"
        ),
    },
    signatures=(
        Signature(
            order=300,
            example=(
                "Application instance <Task pending ...> for connection <WebSocketProtocol client=['127.0.0.1', "
                "52000] path=b'/ws'> took too long to shut down and was killed."
            ),
            pattern=r"(?:Application instance .*)?for connection <WebSocketProtocol\b.* took too long to shut down and was killed",
            means="daphne cancelled a handler that had not ended ten seconds after its client left",
            also=("WSD402",),
            needle="took too long to shut down and was killed",
        ),
    ),
)

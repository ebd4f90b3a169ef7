"""WSD403 shutdown-blocked: the handler keeps the server from stopping."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import STOPPED_SERVING, check
from wsdoctor.diagnosis.location import handler_frame, innermost, path, subject
from wsdoctor.diagnosis.logged import Signature
from wsdoctor.diagnosis.remedy_context import meanwhile
from wsdoctor.diagnosis.rule import Occurrence, Rule, always
from wsdoctor.diagnosis.rules._consumer import dead_consumer
from wsdoctor.diagnosis.rules._remedies import WHY_STOP_CONSUMER, remedy, worded
from wsdoctor.diagnosis.rules._snippets import STOP_CONSUMER
from wsdoctor.diagnosis.rules._uncancellable import waits_for_defiant
from wsdoctor.diagnosis.rules.wsd402_handler_hangs import left_open, stuck, unanswered
from wsdoctor.plan.kinds import SERVER_KINDS


def detect(connection: Connection) -> Iterator[Occurrence]:
    if connection.recording.case.kind not in SERVER_KINDS or connection.acted is None:
        return
    if connection.called is None or connection.returned is not None:
        return
    sample = connection.sampled("hang", "shutdown")
    if sample is None or waits_for_defiant(connection, sample):
        return  # WSD502
    answers = unanswered(connection, sample)
    place = answers or innermost(connection, sample.stack)
    outer = handler_frame(connection, sample.stack)
    way = path(sample.stack)
    consumer = dead_consumer(connection, place, "hang", "shutdown")
    yield Occurrence(
        code=RULE.code,
        message=f"the server cannot stop: {subject(connection, outer)} has not returned, "
        f"{left_open(answers) if answers else f'it is stuck {stuck(connection, outer, place)}'}"
        + (f": {consumer}" if consumer else ""),
        place=place,
        severity="error",
        mark="masked",
        index=connection.sampled_at("hang", "shutdown"),
        evidence=(
            *((f"await stack: {way}",) if way else ()),
            *meanwhile(connection, "hang", "shutdown"),
        ),
        setting="consumer" if answers else "",
        because=consumer.started if consumer else None,
    )


RULE = Rule(
    code="WSD403",
    name="shutdown-blocked",
    summary="the handler keeps the server from stopping",
    severity="error",
    effect="stuck",
    happens="the server cannot stop",
    why=(
        "A deploy sends SIGTERM and waits. A handler that does not end with its connection holds "
        "the server until the orchestrator kills it, and with it every request that was still being "
        "served."
    ),
    silence=(
        "Never: `--timeout-graceful-shutdown` ends it by force, and makes every deploy take that "
        "long."
    ),
    remedies={
        "": remedy(
            "Return when the connection ends. A server that stops closes it with code 1012 and "
            "delivers `websocket.disconnect`: treat that as you treat a client that leaves. Do not "
            "wait for the lifespan's shutdown, which begins when all handlers have returned."
        ),
        **worded("consumer", WHY_STOP_CONSUMER, STOP_CONSUMER),
    },
    detect=detect,
    links=("https://www.uvicorn.org/settings/#timeouts",),
    rank=230,
    explains={"WSD502": always},  # it does not end when it is cancelled, either
    unending_await=True,
    tells_of_return=True,
    checks={
        "": check(
            "",
            STOPPED_SERVING,
            'assert serving.done(), "the server was asked to stop, and cannot"',
        ),
    },
    signatures=(
        Signature(
            order=310,
            example="Cancel 2 running task(s), timeout graceful shutdown exceeded",
            pattern=r"timeout graceful shutdown exceeded",
            means="uvicorn cancelled what still ran when its time for a graceful shutdown was over",
        ),
        Signature(
            order=320,
            example="Waiting for background tasks to complete. (CTRL+C to force quit)",
            pattern=r"Waiting for (?:background tasks to complete|connections to close)\.",
            means=(
                "uvicorn was asked to stop, and a handler or a connection has not ended; for a second that is "
                "ordinary"
            ),
            incident=False,
            proof=False,
        ),
    ),
)

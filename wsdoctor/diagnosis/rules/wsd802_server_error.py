"""WSD802 server-error: the server itself failed."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import STOPPED_SERVING, check
from wsdoctor.diagnosis.exceptions import name
from wsdoctor.diagnosis.logged import Signature
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import OTHER_SERVERS, REPORT, remedy
from wsdoctor.recording.events import ExceptionInfo, ServerPhase


def detect(connection: Connection) -> Iterator[Occurrence]:
    # To the very end: a server that cannot stop is broken, whatever asked it to.
    for index, event in enumerate(connection.recording.events):
        if (
            isinstance(event, ServerPhase)
            and event.phase == "failed"
            and event.exception is not None
        ):
            yield _occurrence(
                index, event.exception, "the server's own serve() raised", logged=True
            )
    for index, error in connection.breakdowns:
        yield _occurrence(
            index,
            error,
            "after the client had left, the server's own send() raised",
            logged=error.id in connection.logged,
        )
    for index, error in connection.lost_races_logged:
        yield _occurrence(
            index,
            error,
            "the server logs an error for a message that lost the race with the disconnect: send() raised",
            logged=True,
        )


def _occurrence(index: int, error: ExceptionInfo, what: str, *, logged: bool) -> Occurrence:
    return Occurrence(
        code=RULE.code,
        message=f"{what} {name(error)}",
        place=None,
        severity="info",
        mark="logged" if logged else "masked",
        index=index,
        fault="server",
        explains=frozenset({error.id}),
        evidence=tuple(
            f"{frame.function} in {frame.file.rpartition('/')[2]}:{frame.line}"
            for frame in error.stack[-3:]
        ),
    )


def _brings_up(cause: Occurrence, symptom: Occurrence) -> bool:
    """Whether ``symptom`` is the group, or the task, by which the server's error came to the log."""
    return symptom.fault == "server" and bool(cause.explains & symptom.explains)


RULE = Rule(
    code="WSD802",
    name="server-error",
    summary="the server itself failed: its `serve()`, or its `send()`, raised what no contract knows",
    severity="info: not your fault",
    effect="remark",
    happens="the server fails",
    why=(
        "A server that raises while it stops leaves connections open and lifespans unfinished, and one "
        "that raises from `send()` makes a correct handler fail. It is no fault of your code."
    ),
    silence="It says nothing about your code; `--ws` chooses the servers to be checked.",
    remedies={
        "": remedy(f"Report it to the server's maintainers, {REPORT}", OTHER_SERVERS),
    },
    detect=detect,
    rank=390,
    explains={"": _brings_up},
    lateness="neither",
    checks={
        "": check(
            "grace broken contract race escapes parts",
            "await within(GRACE, tap.returned)",
            'assert not tap.broken, f"send() raised {tap.broken[0]!r}: {tap.messages[-9:]}"',
            "# A message that lost the race with the end is to be refused by an OSError.",
            "left_it = [e for e in tap.rude if any(e in parts(it) for it in tap.escaped)]",
            'assert not left_it, f"send() raised {left_it[0]!r}: {tap.messages[-9:]}"',
            "server.should_exit = True",
            STOPPED_SERVING,
            'assert serving.done(), "serve() was asked to stop, and does not return"',
            'assert not serving.exception(), f"serve() raised {serving.exception()!r}"',
        ),
    },
    signatures=(
        Signature(
            order=340,
            example="AttributeError: 'WebSocketProtocol' object has no attribute 'transfer_data_task'",
            pattern=r"'WebSocketProtocol' object has no attribute 'transfer_data_task'",
            means="the server itself failed, on a connection that was not open",
            also=("WSD106",),
            needle="object has no attribute",
        ),
    ),
)

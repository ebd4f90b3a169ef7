"""WSD603 error-hidden-by-framework: the handler raised, the client got a close code, the log nothing."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import ESCAPED
from wsdoctor.diagnosis.exceptions import (
    ids,
    is_cancelled,
    is_deliberate,
    is_disconnect,
    is_foreign_context,
    leaves,
    name,
)
from wsdoctor.diagnosis.location import given_by, path, raised_in, subject, where
from wsdoctor.diagnosis.rule import Occurrence, Rule, always
from wsdoctor.diagnosis.rules._remedies import RESET_WHERE_SET, WHERE_CONTEXTS_DIFFER, remedy
from wsdoctor.diagnosis.rules._snippets import RESET
from wsdoctor.recording.events import ExceptionInfo, SendCalled, StackFrame


def detect(connection: Connection) -> Iterator[Occurrence]:
    for escape in connection.escapes:
        error = escape.error
        event = connection.events[escape.index]
        if (
            escape.boundary != "framework"
            or not isinstance(event, SendCalled)
            or error.id in connection.logged
        ):
            continue
        if is_deliberate(error) or any(
            is_disconnect(leaf) or is_cancelled(leaf) or leaf.id in connection.refusals
            for leaf in leaves(error)
        ):
            continue
        if connection.came_after_disconnect(escape):
            continue  # WSD203
        if connection.end_index is not None and connection.end_index < escape.index:
            continue  # the client was gone, so no code could reach it
        if connection.misread(escape):
            continue
        place = raised_in(connection, error) or given_by(connection, error)
        root = next(leaves(error))
        yield Occurrence(
            code=RULE.code,
            message=f"{subject(connection, place)} raised {name(root)} at {where(place)}; the framework answered with close "
            f"code {event.code} and logged nothing",
            place=place,
            severity="error",
            mark="masked",
            index=escape.index,
            fault="app" if place is not None else "framework",
            evidence=tuple(_evidence(root)),
            explains=ids(error),
            setting=_setting(root),
        )
        return


def _evidence(root: ExceptionInfo) -> Iterator[str]:
    if root.stack:
        yield f"{name(root)}, raised in {root.stack[-1].function}"
    if way := path(root.stack):
        yield f"call path: {way}"


def _setting(error: ExceptionInfo) -> str:
    if is_foreign_context(error):
        return "context"
    return "stream" if any(_streams(frame) for frame in error.stack) else ""


def _streams(frame: StackFrame) -> bool:
    return not frame.user and frame.function.partition(".")[0] in {
        "send_websocket_stream",
        "WebSocket",
    }


RULE = Rule(
    code="WSD603",
    name="error-hidden-by-framework",
    summary="the handler raised, the framework turned it into a close code and logged nothing",
    severity="error",
    effect="escape",
    happens="the framework hides an error",
    why=(
        "The handler fails without a trace: the client sees a close code, the log stays empty, "
        "and test clients report a disconnect."
    ),
    silence="Never: to close with a code on purpose, raise the framework's WebSocketException.",
    remedies={
        "": remedy("Correct the error, and have such errors logged."),
        "litestar": remedy(
            "Correct the error.",
            "And have such errors logged, `Litestar(..., logging_config=LoggingConfig("
            'log_exceptions="always"))`, or tell them to an `after_exception` hook.',
        ),
        "litestar/stream": remedy(
            "A stream of `send_websocket_stream` can send only text and bytes. Let the generator "
            "encode anything else: `yield json.dumps(...)`. (`@websocket_stream` does so by itself.)",
            "And have such errors logged, `Litestar(..., logging_config=LoggingConfig("
            'log_exceptions="always"))`, or tell them to an `after_exception` hook.',
        ),
        "/context": remedy(RESET_WHERE_SET, RESET, WHERE_CONTEXTS_DIFFER),
    },
    detect=detect,
    rank=160,
    explains={"WSD003": always},  # a connection that breaks has no later moments
    breaks_off=True,
    checks={
        "": ESCAPED,
    },
)

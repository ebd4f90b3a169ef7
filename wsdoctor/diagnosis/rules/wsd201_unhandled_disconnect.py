"""WSD201 unhandled-disconnect: WebSocketDisconnect left the handler, its lifespan or its task."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection, Escape
from wsdoctor.diagnosis.emitted import (
    ESCAPED,
    NOTHING_FORBIDDEN,
    NOTHING_LOGGED,
    RACES,
    WATCHED,
    check,
)
from wsdoctor.diagnosis.exceptions import ids, is_disconnect, is_group, name, user_frames
from wsdoctor.diagnosis.location import awaited_function, path, place_of, raised_at, subject, where
from wsdoctor.diagnosis.logged import Signature, Traceback
from wsdoctor.diagnosis.remedy_context import started
from wsdoctor.diagnosis.rule import ORIGIN, Occurrence, Rule, seconds
from wsdoctor.diagnosis.rules._framework_refusals import is_told_again
from wsdoctor.diagnosis.rules._remedies import (
    MAY_NOTICE_FIRST,
    WHEN_IT_ENDS,
    WHY_WAIT,
    remedy,
    worded,
)
from wsdoctor.diagnosis.rules._snippets import (
    CANCEL_IN_LIFESPAN,
    CANCEL_THEN_WAIT,
    CATCH,
    CATCH_AT_YIELD,
    CATCH_REFUSED,
    EXPECT_THE_END,
    READ_BESIDE_TASK,
)
from wsdoctor.diagnosis.source import read
from wsdoctor.recording.events import ExceptionInfo, StackFrame


def detect(connection: Connection) -> Iterator[Occurrence]:
    for escape in connection.escapes:
        if is_disconnect(escape.error) and not is_group(escape.error):
            yield _occurrence(connection, escape, "WebSocketDisconnect")
            return
    for escape in connection.refused_escapes:
        # By the specification this OSError is how `send` says that the client has left.
        if user_frames(escape.error):
            short = escape.error.type.rpartition(".")[2]
            yield _occurrence(connection, escape, f"{short} of a refused send")
            return


def _occurrence(connection: Connection, escape: Escape, what: str) -> Occurrence:
    """``what`` is the exception, for people."""
    error = escape.error
    place = place_of(connection, error)
    logged = bool(ids(error) & connection.logged)
    refused = connection.refusals if is_disconnect(error) else connection.late_refusals
    return Occurrence(
        code=RULE.code,
        message=_sentence(connection, place, error, what),
        place=place,
        severity="error" if logged else "warning",
        mark="logged" if logged else "masked",
        index=escape.index,
        fault="app" if place is not None else "framework",
        evidence=_evidence(connection, place, error, escape.boundary),
        explains=ids(error),
        blamed_on=(connection.violation_errors | refused) & ids(error)
        | ({error.id} if is_told_again(error) else set()),
        setting=_setting(connection, place, error),
        complains=not is_disconnect(error),
    )


def _sentence(
    connection: Connection, place: StackFrame | None, error: ExceptionInfo, what: str
) -> str:
    line = read(connection, place)
    who, at = subject(connection, place), where(place)
    if line.awaited and line.cancelled_after:
        return (
            f"{who} awaits `{line.awaited}` at {at} before it cancels it: it waits until the task's next send fails, "
            f"and that {what} leaves through this line"
        )
    child = awaited_function(connection, error, place) if place is not None else ""
    if child and line.expression != line.awaited:
        return (
            f"{who} awaits `{line.expression}` at {at}, and the {what} that `{child}` ended with "
            "leaves through this line: nothing around it catches it"
        )
    if line.awaited:
        return f"{who} awaits `{line.awaited}` at {at}, and the {what} that it ended with leaves through this line"
    if line.is_yield:
        return f"`yield` at {at} is not inside `except WebSocketDisconnect`, so the disconnect passes through {who}"
    outer = next((frame for frame in error.stack if frame.user), place)
    if outer is not None and place is not None and outer.function != place.function:
        return (
            f"{what} is raised at {at} in {who} and leaves {subject(connection, outer)}: "
            "nothing between the two catches it"
        )
    return f"{what} is raised at {at} and leaves {who}: nothing around that line catches it"


def _setting(connection: Connection, place: StackFrame | None, error: ExceptionInfo) -> str:
    line = read(connection, place)
    busy = bool(started(connection))
    if line.is_context_manager:
        return "lifespan" if busy else "quiet-lifespan"
    if not busy:
        return "quiet" if is_disconnect(error) else "refused"
    child = awaited_function(connection, error, place) if place is not None else ""
    return "gather" if child and line.expression != line.awaited else ""


def _evidence(
    connection: Connection, place: StackFrame | None, error: ExceptionInfo, boundary: str
) -> tuple[str, ...]:
    said = [f"the {boundary} got {name(error)}"]
    origin = raised_at(error)
    if way := path(error.stack):
        said.append(f"call path: {way}")
    elif origin is not None and origin != place:
        said.append(f"it was raised at {where(origin)}")
    if connection.teardown is not None and connection.teardown > connection.recording.grace:
        said.append(f"the handler ended {seconds(connection.teardown)} after the connection did")
    return tuple(said)


_CANCELLED_FIRST = "A task that you started is cancelled first, and then waited for:"
_BESIDE = (
    "Let the handler itself read. Run everything else in a task, cancel it when the reading ends, and "
    "then wait for it (`gather` cancels nothing when one side ends):"
)
_REFUSED = (
    "Expect the end where you send as well: the server refuses a message for a client that has left "
    "with an OSError (ASGI specification)."
)

_COMPLAINT = check(
    "contract forbidden race tasks logs",
    WATCHED,
    NOTHING_FORBIDDEN,
    NOTHING_LOGGED,
    forbidden=(f"({RACES})",),
)
"""For a refused send that leaves the handler: an OSError is no defect, what becomes of it is one."""


RULE = Rule(
    code="WSD201",
    name="unhandled-disconnect",
    summary=(
        "WebSocketDisconnect, or the OSError of a refused send, left the handler, its lifespan or its "
        "task"
    ),
    severity="error if a server logs it, warning if none does",
    effect="escape",
    happens="the disconnect escapes",
    why=(
        "A client that leaves is the normal end of a connection, not an error. When the disconnect "
        "escapes, whatever was to be cleaned up after that line is not. Starlette and FastAPI pass "
        'it on to the server, which logs "Exception in ASGI application" for every client that '
        "leaves. Litestar answers with a `websocket.close` that comes too late: uvicorn's legacy "
        "`websockets` implementation logs a traceback for that, its default since 0.50 says nothing."
    ),
    silence="If the framework is meant to see every disconnect, to count them for instance.",
    remedies={
        **worded(
            "",
            {
                "": "Catch the disconnect around the loop that reads. A task that the handler started is "
                "cancelled first, and then waited for:",
                "asgi": f"Let the message `websocket.disconnect` end the loop. {_CANCELLED_FIRST}",
                "quart": _CANCELLED_FIRST,
                "channels": _CANCELLED_FIRST,
            },
            WHEN_IT_ENDS,
            CANCEL_THEN_WAIT,
            WHY_WAIT,
            MAY_NOTICE_FIRST,
            EXPECT_THE_END,
        ),
        **worded(
            "quiet",
            {
                "": "Catch the disconnect around the loop that reads, in the handler or in any caller that has "
                "something to clean up:",
                "asgi": "Let the message `websocket.disconnect` end the loop:",
                "quart": _REFUSED,
                "channels": _REFUSED,
            },
            CATCH,
        ),
        **worded(
            "gather",
            {
                "": "Let the handler itself read, and catch the disconnect around that. Run everything else in "
                "a task, cancel it when the reading ends, and then wait for it (`gather` cancels nothing "
                "when one side ends):",
                "asgi": _BESIDE,
                "quart": _BESIDE,
                "channels": _BESIDE,
            },
            WHEN_IT_ENDS,
            READ_BESIDE_TASK,
            WHY_WAIT,
        ),
        **worded(
            "refused",
            {"": f"{_REFUSED[:-1]}, and the framework takes that for a crash.", "asgi": _REFUSED},
            CATCH_REFUSED,
        ),
        "litestar/quiet-lifespan": remedy("Catch the disconnect at the `yield`:", CATCH_AT_YIELD),
        "litestar/lifespan": remedy(
            "Catch the disconnect at the `yield`. Cancel the task first, and then wait for it:",
            CANCEL_IN_LIFESPAN,
            WHY_WAIT,
            MAY_NOTICE_FIRST,
            EXPECT_THE_END["litestar"],
        ),
    },
    detect=detect,
    links=(ORIGIN,),
    rank=80,
    breaks_off=True,
    of_a_function=True,
    checks={
        "": ESCAPED,
        "complaint": _COMPLAINT,
    },
    signatures=(
        Signature(
            order=180,
            example="starlette.websockets.WebSocketDisconnect: (1001, '')",
            pattern=r"\bWebSocketDisconnect\b",
            means=(
                "the framework raised this because the client left; in a traceback that a server or asyncio logs, "
                "nothing caught it"
            ),
            also=("WSD202", "WSD302"),
            needle="WebSocketDisconnect",
            last_line=True,
        ),
        Signature(
            order=390,
            example="Exception in ASGI application",
            pattern=(
                r"Exception in ASGI application|Error in ASGI Framework|Exception inside application\b"
                r"|Application callable raised an exception|Exception on websocket "
                r"|Uncaught exception \(connection_type=websocket"
            ),
            means=(
                "the server logs this above the traceback of whatever leaves a handler; the last line of that "
                "traceback tells more"
            ),
            also=("WSD202", "WSD203", "WSD501", "WSD101", "WSD102"),
            incident=False,
            proof=False,
        ),
    ),
    tracebacks=(
        Traceback(
            shape="disconnect",
            means="WebSocketDisconnect left the handler, or a task of it",
            also=("WSD202",),
        ),
        Traceback(
            shape="close refused",
            means="WebSocketDisconnect left the handler, and the close that answers it was refused",
            also=("WSD101", "WSD103"),
        ),
    ),
)

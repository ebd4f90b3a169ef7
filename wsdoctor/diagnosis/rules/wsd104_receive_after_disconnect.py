"""WSD104 receive-after-disconnect (ASGI specification, "Disconnect - receive event")."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection, Escape, frame_root
from wsdoctor.diagnosis.emitted import NOTHING_STOPPED, WATCHED, check
from wsdoctor.diagnosis.exceptions import leaves, name
from wsdoctor.diagnosis.location import innermost, is_users, subject, where
from wsdoctor.diagnosis.logged import QUOTE, Signature
from wsdoctor.diagnosis.rule import ASGI, Occurrence, Rule, always
from wsdoctor.diagnosis.rules._framework_refusals import (
    READS,
    closed_before,
    is_stopped,
    is_told_again,
)
from wsdoctor.diagnosis.rules._remedies import WHY_STOP_CONSUMER, worded
from wsdoctor.diagnosis.rules._snippets import CATCH, STOP_CONSUMER
from wsdoctor.diagnosis.source import read
from wsdoctor.recording.events import (
    ExceptionInfo,
    ReceiveCalled,
    ReceiveReturned,
    SendCalled,
    SendReturned,
    Stack,
    StackFrame,
)

_REFUSED = "a send that failed had told that the client is gone"
_UNTOLD = "a send of another task had failed, which it could not know"


def detect(connection: Connection) -> Iterator[Occurrence]:
    told = len(connection.events) if connection.delivered is None else connection.delivered
    for index, event in enumerate(connection.events[told:], start=told):
        if isinstance(event, ReceiveCalled) and event.connection == connection.number:
            place, again = _place(connection, event.stack or _started_at(connection, event))
            users = _is_users(connection, event)
            if not users:
                place, again = None, "the framework reads again"
            yield Occurrence(
                code=RULE.code,
                message=_sentence(connection, place, f"{again} after it received the disconnect"),
                place=place,
                severity="warning",
                mark="masked",
                index=index,
                fault="app" if users else "framework",
            )
            return
    yield from _stopped_by_framework(connection)


def _is_users(connection: Connection, call: ReceiveCalled) -> bool:
    """Whether the user's code reads, or has taken the disconnect away from the framework, which reads on."""
    task = connection.tasks.get(call.task)
    return bool(call.stack or _taken(connection)) or (
        task is not None and is_users(connection, task)
    )


def _started_at(connection: Connection, call: ReceiveCalled) -> Stack:
    """Where the user's code gave ``receive()`` itself to a task (``wait_for``, ``create_task``)."""
    task = connection.tasks.get(call.task)
    bare = task is not None and task.root is not None and task.root.function.endswith(_WIRE)
    return task.stack if task is not None and bare else ()


_WIRE = "_Wire.receive"
"""The coroutine of wsdoctor's own that an application gets for ``receive``."""


def _stopped_by_framework(connection: Connection) -> Iterator[Occurrence]:
    """Starlette and Litestar raise before the call reaches the server."""
    for escape in connection.escapes:
        after = _after(connection, escape)
        for error in leaves(escape.error):
            if after and (is_stopped(error, READS) or is_told_again(error)):
                place, again = _place(connection, error.stack)
                logged = error.id in connection.logged
                elsewhere = after == _REFUSED and not _was_refused(connection, error)
                yield Occurrence(
                    code=RULE.code,
                    message=_sentence(
                        connection, place, f"{again} after {_UNTOLD if elsewhere else after}"
                    ),
                    place=place,
                    severity="error" if logged else "warning",
                    mark="logged" if logged else "masked",
                    index=escape.index,
                    evidence=(f"the framework raised {name(error)}",),
                    fault="framework" if elsewhere else "app",
                    explains=frozenset({error.id, escape.error.id}),
                )
                return


def _place(connection: Connection, stack: Stack) -> tuple[StackFrame | None, str]:
    """The user's line that reads again, and the beginning of a sentence on it.

    If the framework reads on by itself, it is the line that took the disconnect away from it.
    """
    taken = _taken(connection)
    if taken and not any(frame.user for frame in stack):
        own = taken[-1]
        return (
            own,
            f"{subject(connection, own)} reads at {where(own)}, and the framework itself reads again",
        )
    place = innermost(connection, stack)
    return place, f"{subject(connection, place)} reads again at {where(place)}"


def _taken(connection: Connection) -> Stack:
    """The user's frames that received the disconnect; none if the framework did."""
    return next(
        (call.stack for call in connection.all(ReceiveCalled) if _is_told(connection, call)), ()
    )


def _is_told(connection: Connection, call: ReceiveCalled) -> bool:
    told = None if connection.delivered is None else connection.events[connection.delivered]
    return isinstance(told, ReceiveReturned) and told.call == call.call


def _sentence(connection: Connection, place: StackFrame | None, said: str) -> str:
    line = read(connection, place)
    if line.caught_by:
        return f"{said}: the `except` at line {line.caught_by} takes it, and the loop goes on"
    if line.in_loop:
        return f"{said}: nothing there leaves the loop"
    return said


def _after(connection: Connection, escape: Escape) -> str:
    if connection.delivered is not None and connection.delivered < escape.index:
        return "it received the disconnect"
    if closed_before(connection, escape.index):
        return "it closed the connection itself"
    return _REFUSED if connection.refusals else ""


def _was_refused(connection: Connection, error: ExceptionInfo) -> bool:
    """Whether the code that reads again knew of the refused send: it made it, or learned of it.

    Starlette refuses to read for any task once it has refused to send for one, though messages are
    left, and raises another exception than it does at the disconnect.
    """
    if error.knew:
        return True
    reader = {frame_root(frame) for frame in error.stack if frame.user}
    refused = {
        event.call
        for event in connection.all(SendReturned)
        if event.exception is not None and event.exception.id in connection.refusals
    }
    own = {connection.main_task, *connection.tasks}  # another client's handler is the same function
    return any(
        not reader.isdisjoint(map(frame_root, call.stack))
        or (not call.stack and call.task == connection.main_task)
        for call in connection.all(SendCalled)
        if call.call in refused and call.task in own
    )


def _of_a_consumer(cause: Occurrence, _symptom: Occurrence) -> bool:
    """Whether the package of a consumer reads on, because the user's method did not end the connection."""
    return cause.setting == "consumer"


RULE = Rule(
    code="WSD104",
    name="receive-after-disconnect",
    summary="the application read again after it had received the disconnect",
    severity="error if a server logs it, warning if none does",
    effect="escape",
    happens="the application reads again after the disconnect",
    why=(
        "After `websocket.disconnect` nothing more comes. To read again raises a RuntimeError "
        "(Starlette, FastAPI) or WebSocketDisconnect once more (Litestar). A loop that catches that "
        "and reads on never ends: it spins, and nothing else in the process gets a turn."
    ),
    silence="Never: nothing more can come.",
    remedies={
        **worded(
            "",
            {
                "": "Leave the loop when the disconnect arrives: put `try`/`except WebSocketDisconnect` "
                "around the loop, not into it. If you call `receive()` yourself, look at the type:",
                "asgi": "Leave the loop when the disconnect arrives:",
                "quart": "Leave the loop when the connection ends: catch in it what you expect, and never "
                "the `asyncio.CancelledError` by which Quart ends the handler.",
                "channels": WHY_STOP_CONSUMER[""],
            },
            {
                "": """
                    while True:
                        message = await websocket.receive()
                        if message["type"] == "websocket.disconnect":
                            break
                        ...
                """,
                "asgi": CATCH["asgi"],
                "quart": "",
                "channels": STOP_CONSUMER[""],
            },
        ),
    },
    detect=detect,
    links=(ASGI,),
    rank=60,
    explains={
        "WSD402": always,
        "WSD403": always,
    },  # after the disconnect, another read waits for ever
    comes_of=_of_a_consumer,
    checks={
        "": check(
            "contract escapes reads",
            WATCHED,
            'assert not tap.too_late, f"{tap.too_late[0]}: {tap.messages[-9:]}"',
            NOTHING_STOPPED,
        ),
    },
    signatures=(
        Signature(
            order=100,
            example='Cannot call "receive" once a disconnect message has been received.',
            pattern=rf"Cannot call {QUOTE}receive{QUOTE} once a disconnect message has been received",
            means="the application read again after Starlette had given it the disconnect",
            needle="once a disconnect message has been",
        ),
        Signature(
            order=110,
            example='WebSocket is not connected. Need to call "accept" first.',
            pattern=rf"WebSocket is not connected\. Need to call {QUOTE}accept",
            means=(
                "Starlette refused to read: the connection was over (closed by the application, or an earlier send "
                "had failed), or it was never accepted"
            ),
            also=("WSD103", "WSD106"),
            needle="WebSocket is not connected",
        ),
        Signature(
            order=120,
            example="litestar.exceptions.websocket_exceptions.WebSocketDisconnect: connection is disconnected",
            pattern=r"WebSocketDisconnect: connection is disconnected",
            means="the application read or sent again after Litestar had given it the disconnect",
            also=("WSD102", "WSD201"),
            needle="connection is disconnected",
        ),
    ),
)

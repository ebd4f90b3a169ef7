"""Messages that the framework itself stopped: Starlette knows the state, and raises before the server.

For the user it is the same: the handler dies of it, and the server logs the error.
"""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection, Escape, frame_root
from wsdoctor.diagnosis.contract import CLOSE, DENY_START, Breach
from wsdoctor.diagnosis.exceptions import chain, ids, is_disconnect, leaves, name
from wsdoctor.diagnosis.location import innermost, path, place_of, subject, where
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._messages import answer, closed_by
from wsdoctor.recording.events import ExceptionInfo, SendCalled

_REFUSED = "a send that failed had already told that the client is gone"

_SENDS = {
    "WebSocket.accept": "websocket.accept",
    "WebSocket.close": "websocket.close",
    "WebSocket.send_denial_response": "websocket.http.response.start",
}
"""Starlette's methods by what they send; all others that send, send ``websocket.send``."""


SENDS = frozenset({"WebSocket.send"})
READS = frozenset(
    {
        "WebSocket.receive",
        "WebSocket.receive_text",
        "WebSocket.receive_bytes",
        "WebSocket.receive_json",
    }
)
"""Starlette's methods that raise by themselves, for its own state."""


def stopped(connection: Connection, rule: Rule) -> Iterator[Occurrence]:
    """The message that breaks ``rule``, and that Starlette refused before the server saw it."""
    for escape in connection.escapes:
        for error in leaves(escape.error):
            if is_stopped(error, SENDS) and _breach(connection, escape, error) is rule.breach:
                yield _stopped(connection, escape, error, rule)
                return


def is_stopped(error: ExceptionInfo, methods: frozenset[str] = SENDS | READS) -> bool:
    """Whether ``error`` was raised by one of Starlette's ``methods`` itself."""
    if not error.stack or "RuntimeError" not in error.bases:
        return False
    raiser = error.stack[-1]
    return not raiser.user and raiser.function in methods


def is_told_again(error: ExceptionInfo) -> bool:
    """Whether Litestar says by ``error`` that a disconnect was received before."""
    raiser = error.stack[-1] if error.stack else None
    return (
        is_disconnect(error)
        and raiser is not None
        and not raiser.user
        and raiser.function == "WebSocket.receive_wrapper.<locals>.wrapped_receive"
    )


def closed_before(connection: Connection, index: int) -> bool:
    """Whether the application had sent its close, or its rejection, before event ``index``."""
    return any(
        isinstance(event, SendCalled)
        and event.connection == connection.number
        and event.message in {CLOSE, DENY_START}
        for event in connection.events[:index]
    )


def _breach(connection: Connection, escape: Escape, error: ExceptionInfo) -> Breach:
    if closed_before(connection, escape.index):
        return Breach.AFTER_CLOSE
    if not connection.refusals:
        return Breach.HANDSHAKE
    late_close = _message(error) == CLOSE
    return Breach.CLOSE_AFTER_DISCONNECT if late_close else Breach.SEND_AFTER_DISCONNECT


def _message(error: ExceptionInfo) -> str:
    for frame in reversed(error.stack):
        if not frame.user and frame.function in _SENDS:
            return _SENDS[frame.function]
    return "websocket.send"


def _stopped(
    connection: Connection, escape: Escape, error: ExceptionInfo, rule: Rule
) -> Occurrence:
    but = closed_by(connection, escape.index) if rule.breach is Breach.AFTER_CLOSE else _REFUSED
    if any(frame.user for frame in error.stack):
        place = innermost(connection, error.stack)
        message = (
            f"{subject(connection, place)} sends `{_message(error)}` at {where(place)}, but {but}"
        )
        if any(frame_root(frame) in connection.task_roots for frame in error.stack):
            # A task of the connection could not know: the line that waits for it has to change.
            place = place_of(connection, error)
            message += f"; the error leaves {subject(connection, place)} at {where(place)}"
    else:
        answered = next((link for link in chain(error) if any(f.user for f in link.stack)), error)
        place = place_of(connection, answered)
        message = (
            f"the framework sends `{_message(error)}`, but {but}"
            if place is None
            else answer(connection, place, answered, _message(error), but)
        )
    logged = error.id in connection.logged
    way = path(error.stack)
    return Occurrence(
        code=rule.code,
        message=message,
        place=place,
        severity="error" if logged else "warning",
        mark="logged" if logged else "masked",
        index=escape.index,
        fault="app" if place is not None else "framework",
        evidence=(
            f"the framework raised {name(error)}",
            *((f"call path: {way}",) if way else ()),
        ),
        explains=frozenset({error.id, escape.error.id}),
        blamed_on=connection.violation_errors & ids(escape.error),
    )

"""How a healthy case ended, in the few facts that are compared between servers."""

from __future__ import annotations

from msgspec import Struct

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.dialect import dialect_of
from wsdoctor.plan.kinds import SERVER_KINDS
from wsdoctor.plan.moments import HANDSHAKE
from wsdoctor.recording.case import Case
from wsdoctor.recording.events import (
    AppCalled,
    ClientActed,
    FrameSent,
    ReceiveCalled,
    ReceiveReturned,
    StackFrame,
)


class Ending(Struct, frozen=True, kw_only=True):
    """``known``: the seconds from the client's last act until the application could know of it.

    None if it never could while it was watched. ``returned``: whether the handler did. ``unread``:
    the client had said something that the handler had not read, and it was not reading.
    """

    case: Case
    known: float | None
    returned: bool
    unread: bool = False
    handler: StackFrame | None = None
    snippet: str = ""
    framework: str = "asgi"
    dialect: str = "asgi"


def ending_of(connection: Connection) -> Ending | None:
    """How the connection ended; None if the client had not seen it open, or did not leave."""
    recording = connection.recording
    case, acted = recording.case, connection.acted
    if (
        acted is None
        or case.accompanied
        or case.act in SERVER_KINDS
        or case.moment == HANDSHAKE
        or not recording.opened
        or connection.first(AppCalled) is None
        or connection.script_stopped is not None
    ):
        return None
    known = connection.end_known
    returned = connection.returned
    if returned is not None and returned.time <= acted:
        return None  # it had ended by itself
    handler = recording.handler
    return Ending(
        case=case,
        known=None if known is None else round(known - _last_act(connection, acted), 3),
        returned=returned is not None,
        unread=_unread(connection),
        handler=handler,
        snippet=_snippet(recording.sources.get(handler.file, ""), handler.line) if handler else "",
        framework=recording.framework,
        dialect=dialect_of(recording, recording.handler),
    )


def _last_act(connection: Connection, first: float) -> float:
    """When the client did the last of what ends the connection: one that stalls may reset it later."""
    end = connection.end_known
    acts = [event.time for event in connection.all(ClientActed) if event.disconnects]
    return max((time for time in acts if end is None or time <= end), default=first)


def _unread(connection: Connection) -> bool:
    said = read = 0
    waiting: set[int] = set()
    for event in connection.events:
        if getattr(event, "connection", 0) != connection.number:
            continue
        if isinstance(event, ClientActed) and event.disconnects:
            break
        if isinstance(event, FrameSent) and event.opcode in {"text", "binary"}:
            said += 1
        elif isinstance(event, ReceiveCalled):
            waiting.add(event.call)
        elif isinstance(event, ReceiveReturned):
            waiting.discard(event.call)
            read += event.message == "websocket.receive"
    return said > read and not waiting


def _snippet(source: str, number: int) -> str:
    lines = source.splitlines()
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""

"""WSD103 message-after-close (ASGI specification, "Close - send event")."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import place_of, subject, where
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.exceptions import ids, leaves, name
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._messages import forbidden
from wsdoctor.diagnosis.rules._remedies import remedy


def detect(connection: Connection) -> Iterator[Occurrence]:
    yield from forbidden(connection, RULE.code, "the application had already closed or rejected the connection")
    yield from _stopped_by_framework(connection)


def _stopped_by_framework(connection: Connection) -> Iterator[Occurrence]:
    """Starlette raises before the message reaches the server; the handler's error is the same."""
    for escape in connection.escapes:
        for error in leaves(escape.error):
            if error.stack and error.stack[-1].function == "WebSocket.send" and "RuntimeError" in error.bases:
                place = place_of(connection, error)
                yield Occurrence(
                    code=RULE.code,
                    message=f"{subject(connection, place)} sends at {where(place)} on a connection that the application "
                    "had already closed",
                    place=place,
                    severity="error" if error.id in connection.logged else "warning",
                    mark="logged" if error.id in connection.logged else "masked",
                    index=escape.index,
                    evidence=(name(error),),
                    explains=frozenset({error.id, escape.error.id}),
                    blamed_on=connection.violation_errors & ids(escape.error),
                )
                return


RULE = Rule(
    code="WSD103",
    name="message-after-close",
    summary="something was sent after the application's own close or rejection",
    why=(
        "The application closed or rejected the connection, and a part of it went on: a second "
        "`close()` in `finally`, a missing `return`, a task that nobody stopped. The framework or "
        "the server raises a RuntimeError, and it is logged for every such connection."
    ),
    silence="Never: after its own close an application has nothing more to say.",
    remedies={
        "": remedy(
            "Close in one place, after the tasks that send have been cancelled, and return:",
            """
            await websocket.close()
            return
            """,
        ),
    },
    detect=detect,
)

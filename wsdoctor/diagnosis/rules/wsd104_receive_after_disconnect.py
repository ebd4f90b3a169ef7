"""WSD104 receive-after-disconnect (ASGI specification, "Disconnect - receive event")."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import innermost, place_of, subject, where
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.exceptions import leaves, name
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import remedy
from wsdoctor.recording.events import ReceiveCalled


def detect(connection: Connection) -> Iterator[Occurrence]:
    if connection.delivered is None:
        return
    for index, event in enumerate(connection.events[connection.delivered :], start=connection.delivered):
        if isinstance(event, ReceiveCalled) and event.connection == connection.number:
            place = innermost(connection, event.stack)
            yield Occurrence(
                code=RULE.code,
                message=f"{subject(connection, place)} reads again at {where(place)} after it received the disconnect",
                place=place,
                severity="warning",
                mark="masked",
                index=index,
            )
            return
    for escape in connection.escapes:
        for error in leaves(escape.error):
            # Starlette raises before the call reaches the server.
            if error.stack and error.stack[-1].function == "WebSocket.receive" and "RuntimeError" in error.bases:
                place = place_of(connection, error)
                logged = error.id in connection.logged
                yield Occurrence(
                    code=RULE.code,
                    message=f"{subject(connection, place)} reads again at {where(place)} after it received the disconnect",
                    place=place,
                    severity="error" if logged else "warning",
                    mark="logged" if logged else "masked",
                    index=escape.index,
                    evidence=(name(error),),
                    explains=frozenset({error.id, escape.error.id}),
                )
                return


RULE = Rule(
    code="WSD104",
    name="receive-after-disconnect",
    summary="the application read again after it had received the disconnect",
    why=(
        "After `websocket.disconnect` nothing more comes. To read again raises a RuntimeError "
        "(Starlette, FastAPI) or WebSocketDisconnect once more (Litestar). A loop that catches that "
        "and reads on never ends: it spins, and nothing else in the process gets a turn."
    ),
    silence="Never: nothing more can come.",
    remedies={
        "": remedy(
            "Leave the loop when the disconnect arrives: put `try`/`except WebSocketDisconnect` "
            "around the loop, not into it. If you call `receive()` yourself, look at the type:",
            """
            while True:
                message = await websocket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                ...
            """,
        ),
    },
    detect=detect,
)

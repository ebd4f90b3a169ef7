"""WSD101 close-after-disconnect (ASGI specification, "Disconnect - receive event")."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._messages import forbidden


def detect(connection: Connection) -> Iterator[Occurrence]:
    yield from forbidden(connection, RULE.code, "the disconnect had already been delivered to the application")


RULE = Rule(
    code="WSD101",
    name="close-after-disconnect",
    summary="`websocket.close` was sent when the disconnect had already been delivered",
    why=(
        "After `websocket.disconnect` there is nothing left to close. The legacy server answers with a RuntimeError "
        "\"Unexpected ASGI message 'websocket.close'\" and a traceback in the log for every client that leaves; others raise "
        "an OSError that hides the error that came first."
    ),
    silence="Never intended: the message cannot arrive.",
    remedies={
        "": "Close only a connection that is still open: leave out the `close()` in `finally`, or put it into the branch "
        "that ends the conversation from the server's side.\n\n"
        "    try:\n        ...\n    except WebSocketDisconnect:\n        pass          # the client has left: nothing to close\n"
        "    else:\n        await websocket.close()",
    },
    detect=detect,
)

"""WSD102 send-after-disconnect (ASGI specification, "Send - send event")."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._messages import forbidden


def detect(connection: Connection) -> Iterator[Occurrence]:
    yield from forbidden(connection, RULE.code, "it had already received the disconnect")


RULE = Rule(
    code="WSD102",
    name="send-after-disconnect",
    summary="`websocket.send` was sent after the application itself had received the disconnect",
    why=(
        "The application knows that the client is gone and goes on sending to it. Each such send raises: on the legacy "
        "server a RuntimeError, elsewhere an OSError, and whatever loop sends to many clients dies with it or is slowed "
        "by every client that ever left. (A send that merely races the disconnect is allowed and is not reported.)"
    ),
    silence="Never intended.",
    remedies={
        "": "Forget the connection when its disconnect arrives, before anything else is sent: remove it from the set of "
        "connections first, then tell the others; cancel the task that streams to it.\n\n"
        "    except WebSocketDisconnect:\n        manager.disconnect(websocket)   # first\n"
        "        await manager.broadcast(\"somebody left\")",
    },
    detect=detect,
)

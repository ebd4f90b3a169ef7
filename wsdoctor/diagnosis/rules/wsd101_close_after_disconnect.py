"""WSD101 close-after-disconnect (ASGI specification, "Disconnect - receive event")."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.contract import Breach
from wsdoctor.diagnosis.emitted import no_message_after_disconnect
from wsdoctor.diagnosis.logged import QUOTE, Signature
from wsdoctor.diagnosis.rule import ASGI, ORIGIN, Occurrence, Rule
from wsdoctor.diagnosis.rules._framework_refusals import stopped
from wsdoctor.diagnosis.rules._messages import forbidden
from wsdoctor.diagnosis.rules._remedies import CANCELLED_GOODBYE, remedy, worded
from wsdoctor.diagnosis.rules._snippets import CLOSE_IF_OPEN


def detect(connection: Connection) -> Iterator[Occurrence]:
    yield from forbidden(
        connection, RULE, "the disconnect had already been delivered to the application"
    )
    yield from stopped(connection, RULE)


RULE = Rule(
    code="WSD101",
    name="close-after-disconnect",
    summary="`websocket.close` was sent when the disconnect had already been delivered",
    severity="error if a server logs it, warning if none does",
    effect="escape",
    happens="`websocket.close` is sent after the disconnect",
    why=(
        "After `websocket.disconnect` there is nothing left to close. uvicorn's legacy `websockets` "
        "implementation answers with RuntimeError \"Unexpected ASGI message 'websocket.close'\" and "
        "a traceback in the log, for every client that leaves. The others raise an OSError, and "
        "that hides the error that came first."
    ),
    silence="Never: the message cannot arrive.",
    remedies={
        **worded(
            "",
            {
                "": "Close only a connection that is still open: move `close()` out of `finally`, to where "
                "the application itself ends the conversation.",
                "asgi": "Close only a connection that is still open: not in a `finally`, but where the "
                "application itself ends the conversation.",
            },
            CLOSE_IF_OPEN,
        ),
        "/cancelled": remedy(CANCELLED_GOODBYE),
    },
    breach=Breach.CLOSE_AFTER_DISCONNECT,
    detect=detect,
    links=(ORIGIN, ASGI),
    rank=100,
    checks={
        "": no_message_after_disconnect('kind == "websocket.close"'),
    },
    signatures=(
        Signature(
            order=20,
            example=(
                "Unexpected ASGI message 'websocket.close', after sending 'websocket.close' or response "
                "already completed."
            ),
            pattern=rf"Unexpected (?:ASGI message {QUOTE}|message type, )websocket\.close",
            means="the server refused `websocket.close`: the client had left, or the application had closed before",
            also=("WSD201", "WSD103"),
            needle="Unexpected ASGI message",
        ),
    ),
)

"""WSD103 message-after-close (ASGI specification, "Close - send event")."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.contract import Breach
from wsdoctor.diagnosis.emitted import no_message
from wsdoctor.diagnosis.logged import QUOTE, Signature
from wsdoctor.diagnosis.rule import ASGI, Occurrence, Rule, always
from wsdoctor.diagnosis.rules._framework_refusals import stopped
from wsdoctor.diagnosis.rules._messages import CLOSED, forbidden
from wsdoctor.diagnosis.rules._remedies import worded
from wsdoctor.diagnosis.rules._snippets import CLOSE_AND_RETURN, REFUSE


def detect(connection: Connection) -> Iterator[Occurrence]:
    yield from forbidden(connection, RULE, CLOSED)
    yield from stopped(connection, RULE)


_RETURN = (
    "Return when you have refused a client, from the handler too. If a function of its own does the "
    "refusing, let it say so."
)

RULE = Rule(
    code="WSD103",
    name="message-after-close",
    summary="something was sent after the application's own close or rejection",
    severity="error if a server logs it, warning if none does",
    effect="escape",
    happens="a message is sent after the application's own close",
    why=(
        "The application closed or rejected the connection, and a part of it went on: a second "
        "`close()` in `finally`, a missing `return`, a task that was not stopped. The framework or "
        "the server raises a RuntimeError, and it is logged for every such connection."
    ),
    silence="Never: after its own close an application has nothing more to say.",
    remedies={
        **worded(
            "",
            "Close in one place, after the tasks that send have been cancelled, and return:",
            CLOSE_AND_RETURN,
        ),
        **worded(
            "refusal",
            {
                "": "Return when you have refused a client, from the handler too. If a function of its own does "
                "the refusing, let it say so, or raise the framework's WebSocketException:",
                "asgi": _RETURN,
                "quart": f"{_RETURN} In Quart `abort` refuses and ends the handler at once:",
                "channels": _RETURN,
            },
            REFUSE,
        ),
    },
    breach=Breach.AFTER_CLOSE,
    detect=detect,
    links=(ASGI,),
    rank=120,
    explains={"WSD002": always},  # the application refused the client, and went on
    checks={
        "": no_message('self.state in ("closed", "gone")'),
    },
    signatures=(
        Signature(
            order=40,
            example="Unexpected ASGI message 'websocket.accept', after sending 'websocket.close'.",
            pattern=rf"Unexpected (?:ASGI message {QUOTE}websocket\.|message type, (?:websocket\.|\S+ given the state ASGIWebsocketState))",
            means="the server refused a message on a connection that was already closed",
            also=("WSD106",),
            needle="Unexpected ASGI message",
        ),
        Signature(
            order=90,
            example='Cannot call "send" once a close message has been sent.',
            pattern=rf"Cannot call {QUOTE}send{QUOTE} once a close message has been sent",
            means=(
                "Starlette refused to send: the application had closed, or an earlier send had failed because the "
                "client was gone"
            ),
            also=("WSD102", "WSD101"),
            needle="once a close message has been sent",
            in_task="WSD302",
        ),
    ),
)

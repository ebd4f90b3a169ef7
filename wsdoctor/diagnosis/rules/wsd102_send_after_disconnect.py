"""WSD102 send-after-disconnect (ASGI specification, "Send - send event")."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.contract import Breach
from wsdoctor.diagnosis.emitted import no_message_after_disconnect
from wsdoctor.diagnosis.logged import QUOTE, Signature
from wsdoctor.diagnosis.rule import ASGI, Occurrence, Rule
from wsdoctor.diagnosis.rules._framework_refusals import stopped
from wsdoctor.diagnosis.rules._messages import forbidden
from wsdoctor.diagnosis.rules._remedies import (
    CANCELLED_GOODBYE,
    WHEN_IT_ENDS,
    WHY_WAIT,
    remedy,
    worded,
)
from wsdoctor.diagnosis.rules._snippets import CANCEL_THEN_WAIT, GOODBYE


def detect(connection: Connection) -> Iterator[Occurrence]:
    yield from forbidden(
        connection,
        RULE,
        "the application had already received the disconnect of this connection",
    )
    yield from stopped(connection, RULE)


def _is_kept_to_send(cause: Occurrence, _symptom: Occurrence) -> bool:
    """Whether a task sends after its handler returned: then it still holds the connection."""
    return cause.after_return


RULE = Rule(
    code="WSD102",
    name="send-after-disconnect",
    summary="`websocket.send` was sent after the application itself had received the disconnect",
    severity="error if a server logs it, warning if none does",
    effect="escape",
    happens="a message is sent after the disconnect",
    why=(
        "The application knows that the client has left and goes on sending to it. Each such send "
        "raises: a RuntimeError on uvicorn's legacy `websockets` implementation, an OSError on the "
        "others. In a loop that sends to many clients this ends the loop, or slows it down by one "
        "exception for every client that ever left. (A send that merely races the disconnect is "
        "allowed by the ASGI specification and is not reported.)"
    ),
    silence="Never: the message cannot arrive.",
    remedies={
        **worded(
            "",
            "Forget the connection as soon as its disconnect arrives, and only then tell the others. "
            "A task that sends to it is cancelled first, too.",
            WHEN_IT_ENDS,
            {
                "": """
                    try:
                        ...
                    except WebSocketDisconnect:
                        clients.remove(websocket)
                        await tell_everybody("a member left")
                """,
                "asgi": """
                    try:
                        while (await receive())["type"] != "websocket.disconnect":
                            ...
                    finally:
                        clients.discard(send)
                        await tell_everybody("a member left")
                """,
                "quart": """
                    try:
                        ...
                    finally:
                        queues.discard(queue)
                        publish("a member left")
                """,
                "channels": """
                    async def disconnect(self, code: int) -> None:
                        members.discard(self)
                        await tell_everybody("a member left")
                """,
            },
        ),
        **worded(
            "farewell",
            "The client is gone, and a good-bye cannot arrive. Move it out of the `finally` or `except`, to "
            "where the application itself ends the conversation:",
            GOODBYE,
        ),
        **worded(
            "task",
            "Cancel the task that sends, and wait for it, as soon as the disconnect arrives:",
            WHEN_IT_ENDS,
            CANCEL_THEN_WAIT,
            WHY_WAIT,
        ),
        "/cancelled": remedy(CANCELLED_GOODBYE),
    },
    breach=Breach.SEND_AFTER_DISCONNECT,
    detect=detect,
    links=(ASGI,),
    rank=110,
    explains={"WSD305": _is_kept_to_send},
    checks={
        "": no_message_after_disconnect('kind != "websocket.close"'),
    },
    signatures=(
        Signature(
            order=30,
            example="Unexpected ASGI message 'websocket.send', after sending 'websocket.close'.",
            pattern=rf"Unexpected (?:ASGI message {QUOTE}|message type, )websocket\.send",
            means="the server refused `websocket.send`: the client had left, or the application had closed before",
            also=("WSD103", "WSD301"),
            needle="Unexpected ASGI message",
        ),
        Signature(
            order=140,
            example="autobahn.exception.Disconnected: Attempt to send on a closed protocol",
            pattern=r"Attempt to send on a closed protocol",
            means="daphne refused to send, because the client was gone",
            also=("WSD204",),
            needle="Attempt to send on a closed protocol",
        ),
        Signature(
            order=150,
            example=(
                "wsproto.utilities.LocalProtocolError: Event TextMessage(data='x') cannot be sent in state "
                "ConnectionState.CLOSED."
            ),
            pattern=r"LocalProtocolError: Event .* cannot be sent in state ConnectionState\.",
            means="wsproto refused to send on a connection that had ended",
            also=("WSD103", "WSD802"),
            needle="cannot be sent in state ConnectionState",
            proof=False,
        ),
    ),
)

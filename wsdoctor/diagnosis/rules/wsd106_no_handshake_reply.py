"""WSD106 no-handshake-reply (ASGI specification, "Connect - receive event")."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.contract import HANDSHAKE_REPLIES, Breach
from wsdoctor.diagnosis.emitted import NOTHING_FORBIDDEN, WATCHED, check
from wsdoctor.diagnosis.exceptions import ids, is_unrouted, name
from wsdoctor.diagnosis.location import place_of, subject, where
from wsdoctor.diagnosis.logged import QUOTE, Signature
from wsdoctor.diagnosis.rule import ASGI, Occurrence, Rule, always
from wsdoctor.diagnosis.rules._messages import forbidden
from wsdoctor.diagnosis.rules._remedies import remedy, worded
from wsdoctor.diagnosis.rules._snippets import REFUSE
from wsdoctor.recording.events import SendCalled


def detect(connection: Connection) -> Iterator[Occurrence]:
    yield from forbidden(
        connection,
        RULE,
        "the handshake has not been answered yet: accept or close comes first",
    )
    returned = connection.returned
    if returned is None or any(
        call.message in HANDSHAKE_REPLIES for call in connection.all(SendCalled)
    ):
        return
    at = connection.events.index(returned)
    if connection.end_index is not None and connection.end_index < at:
        return  # the client was gone, so no answer was due
    if connection.acted is not None:
        return  # the client left, or the server was stopping, while the handler made up its mind
    error = returned.exception
    if error is not None and is_unrouted(error):
        return  # the path that was asked for is not the application's (WSD002)
    place = place_of(connection, error) if error else connection.recording.handler
    how = f"raised {name(error)}" if error else "returned"
    yield Occurrence(
        code=RULE.code,
        message=f"{subject(connection, place)} {how} without accepting or closing the connection ({where(place)})",
        place=place,
        severity="error",
        mark="logged" if connection.error_logs else "masked",
        index=at,
        explains=ids(error),
    )


RULE = Rule(
    code="WSD106",
    name="no-handshake-reply",
    summary="the application returned or raised without accepting or closing",
    severity="error",
    effect="escape",
    happens="the handshake is not answered",
    why=(
        "The server waits for `websocket.accept` or `websocket.close`. When the application ends "
        "without either, the client gets a 500 response, and the log an error for every attempt."
    ),
    silence="Never: to refuse a client, close before accepting (the client then gets a 403).",
    remedies={
        **worded("", "Refuse before you return, and accept everybody else:", REFUSE),
        "litestar": remedy(
            "A plain `@websocket` handler calls `await socket.accept()`, or refuses with `await "
            "socket.close()`, before it returns. (A listener accepts by itself.)"
        ),
    },
    breach=Breach.HANDSHAKE,
    detect=detect,
    links=(ASGI,),
    rank=130,
    explains={"WSD002": always},  # a client without an answer is refused
    checks={
        "": check(
            "contract forbidden reachless",
            WATCHED,
            NOTHING_FORBIDDEN,
            'assert tap.state != "connecting", "it returned without accepting or closing"',
            forbidden=('self.state in ("connecting", "denying")',),
        ),
    },
    signatures=(
        Signature(
            order=10,
            example="Unexpected message type, websocket.send given the state ASGIWebsocketState.HANDSHAKE",
            pattern=r"Unexpected message type, \S+ given the state ASGIWebsocketState\.(?:HANDSHAKE|CONNECTED)",
            means="hypercorn refused the message, because the handshake was not answered, or answered twice",
            needle="Unexpected message type",
        ),
        Signature(
            order=50,
            example=(
                "Expected ASGI message 'websocket.accept', 'websocket.close' or 'websocket.http.response.start' "
                "but got 'http.response.start'."
            ),
            pattern=rf"Expected ASGI message {QUOTE}websocket\.(?:accept|send|http\.response\.body)\b.*? but got ",
            means="the handshake was not answered, or answered twice: the message is not allowed in this state",
            needle="Expected ASGI message",
        ),
        Signature(
            order=60,
            example="ASGI callable returned without sending handshake.",
            pattern=r"ASGI callable returned without (?:sending|completing) handshake",
            means="the application returned without accepting or closing the connection",
            needle="ASGI callable returned without",
        ),
        Signature(
            order=70,
            example="RuntimeError: ASGI flow error: Connection already upgraded",
            pattern=r"ASGI flow error: Connection already upgraded",
            means="granian refused the message, because the handshake had been answered already",
            needle="ASGI flow error",
        ),
        Signature(
            order=80,
            example="ValueError: Socket has not been accepted, so cannot send over it",
            pattern=r"Socket has not been accepted, so cannot send over it",
            means="daphne refused the message, because the handshake was not answered",
            needle="Socket has not been accepted",
        ),
        Signature(
            order=330,
            example="AttributeError: 'WebSocketProtocol' object has no attribute 'handshake_deferred'",
            pattern=r"'WebSocketProtocol' object has no attribute 'handshake_deferred'",
            means="daphne refused to accept a connection for the second time",
            needle="object has no attribute",
        ),
        Signature(
            order=380,
            example="connection rejected (500 Internal Server Error)",
            pattern=(
                r"connection rejected \(5\d\d|server rejected WebSocket connection: HTTP 5\d\d"
                r"|\"WebSocket [^\"]*\" 5\d\d"
            ),
            means="the application failed before it had answered the handshake",
            also=("WSD002",),
            incident=False,
            proof=False,
        ),
    ),
)

"""WSD602 wrong-close-code: the client saw a close code that nothing it did explains."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection, Escape
from wsdoctor.diagnosis.contract import CLOSE
from wsdoctor.diagnosis.emitted import ESCAPED
from wsdoctor.diagnosis.exceptions import ids, is_deliberate, leaves, name
from wsdoctor.diagnosis.location import given_by, path, place_of, raised_in, subject, where
from wsdoctor.diagnosis.logged import Signature, Traceback
from wsdoctor.diagnosis.rule import Occurrence, Rule, always
from wsdoctor.diagnosis.rules._remedies import remedy, worded
from wsdoctor.recording.events import (
    ClientActed,
    ClientEnded,
    FrameReceived,
    FrameSent,
    HandshakeAccepted,
    SendCalled,
    ServerPhase,
)

_TELLS_NOTHING_WRONG = frozenset({1000, 1001, 1005})
"""Normal, going away, and a close frame without a code (RFC 6455, section 7.4.1)."""


def detect(connection: Connection) -> Iterator[Occurrence]:
    for escape in connection.escapes:
        if not _broke_the_connection(connection, escape):
            continue
        end = _end(connection, escape)
        if end is not None:
            yield _occurrence(connection, escape, end)
            return


def _end(connection: Connection, escape: Escape) -> str | None:
    """How ``escape`` ended the connection for its client; None if there is another explanation."""
    if connection.first(HandshakeAccepted) is None or _explained(connection, escape):
        return None
    own: set[int] = set()
    for index, event in enumerate(connection.events):
        before = index < escape.index
        match event:
            case _ if getattr(event, "connection", 0) != connection.number:
                continue
            case ClientActed(disconnects=True) if not before and not own:
                return "the connection ends with that"  # the client left before it saw how
            case FrameSent(opcode="close", code=int(code)):
                own.add(code)
            case FrameReceived(opcode="close", code=int(code)):
                explained = before or code in own | _TELLS_NOTHING_WRONG
                return None if explained else f"the client sees close code {code}"
            case ClientEnded():
                return None if own else "the connection is cut off (close code 1006)"
    return None


def _explained(connection: Connection, escape: Escape) -> bool:
    """Whether the end began before ``escape``, with a code that the server or the client chooses."""
    for event in connection.events[: escape.index]:
        match event:
            case ServerPhase(phase="exit-requested"):
                return True
            case ClientActed(disconnects=True, act=act, connection=connection.number):
                if act != "close":
                    return True  # after a close frame the server's own still counts
            case SendCalled(message=message, sender="user", connection=connection.number):
                if message == CLOSE:
                    return True  # the code is what the application has to say
    return False


def _broke_the_connection(connection: Connection, escape: Escape) -> bool:
    """Whether ``escape`` is an error of its own, and no answer to an end that had come already."""
    return not (
        any(is_deliberate(leaf) for leaf in leaves(escape.error))
        or connection.came_after_disconnect(escape)
        or (connection.end_index is not None and connection.end_index < escape.index)
        or connection.misread(escape)
    )


def _occurrence(connection: Connection, escape: Escape, end: str) -> Occurrence:
    error = escape.error
    place = raised_in(connection, error) or given_by(connection, error)
    logged = bool(ids(error) & connection.logged)
    evidence = [f"the {escape.boundary} got {name(error)}"]
    if way := path(next(leaves(error)).stack):
        evidence.append(f"call path: {way}")
    through = place_of(connection, error)
    if through is not None and through.function != (place.function if place else ""):
        evidence.append(f"it left the handler at {where(through)}")
    return Occurrence(
        code=RULE.code,
        message=f"{subject(connection, place)} raises {name(next(leaves(error)))} at {where(place)} on an open "
        f"connection, and {end}: nothing that the client did explains it",
        place=place,
        severity="error" if logged else "warning",
        mark="logged" if logged else "masked",
        index=escape.index,
        fault="app" if place is not None else "framework",
        evidence=tuple(evidence),
        explains=ids(error),
        blamed_on=ids(error),
    )


RULE = Rule(
    code="WSD602",
    name="wrong-close-code",
    summary="the handler broke down on an open connection, and the client saw a close code that nothing it did explains",
    severity="error if a server logs it, warning if none does",
    effect="escape",
    happens="an error ends the open connection",
    why=(
        "The code is all that a client learns of the end. 1011 says that the server is broken, 1006 "
        "that the network is, and clients answer both by connecting again: one message that the "
        "handler cannot take becomes a loop of reconnects, with a traceback in the log for each."
    ),
    silence=(
        "If the handler is meant to die of it. To close with a code on purpose, send it yourself or "
        "raise the framework's WebSocketException: that is not reported."
    ),
    remedies={
        **worded(
            "",
            "Expect the error where it comes up, and tell the client what was wrong:",
            {
                "": """
                    try:
                        number = int(text)
                    except ValueError:
                        await websocket.send_text("that is not a number")
                        continue
                """,
                "asgi": """
                    try:
                        number = int(text)
                    except ValueError:
                        await send({"type": "websocket.send", "text": "that is not a number"})
                        continue
                """,
                "quart": """
                    if not text.isdecimal():
                        await websocket.send("that is not a number")
                        continue
                """,
                "channels": """
                    try:
                        number = int(text)
                    except ValueError:
                        await self.send(text_data="that is not a number")
                        return
                """,
            },
            "If the connection cannot go on, close it with a code that says why: 1003 (data that "
            "you cannot take), 1008 (a rule of yours), or one from 4000 to 4999.",
        ),
        "litestar": remedy(
            "Expect the error where it comes up, and tell the client what was wrong. If the "
            "connection cannot go on, raise `WebSocketException(detail=..., code=4400)`: Litestar "
            "closes with that code.",
        ),
    },
    detect=detect,
    links=("https://www.rfc-editor.org/rfc/rfc6455#section-7.4",),
    rank=170,
    explains={"WSD003": always},  # a connection that breaks has no later moments
    breaks_off=True,
    checks={
        "": ESCAPED,
    },
    signatures=(
        Signature(
            order=200,
            example=(
                "websockets.exceptions.ConnectionClosedError: received 1011 (internal error); then sent 1011 "
                "(internal error)"
            ),
            pattern=r"\breceived (?:1011|4500)\b",
            means="the other side closed because of an error of its own: if it is your server, its handler raised",
            also=("WSD603", "WSD501"),
            incident=False,
            proof=False,
        ),
    ),
    tracebacks=(
        Traceback(shape="raised", means="the handler raised {raised}", also=("WSD603", "WSD106")),
    ),
)

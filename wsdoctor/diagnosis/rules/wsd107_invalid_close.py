"""WSD107 invalid-close: a close frame that RFC 6455 forbids (sections 5.5 and 7.4)."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.contract import invalid_close
from wsdoctor.diagnosis.emitted import WATCHED, check
from wsdoctor.diagnosis.exceptions import name
from wsdoctor.diagnosis.location import innermost, path, raised_in, subject, where
from wsdoctor.diagnosis.logged import Signature
from wsdoctor.diagnosis.rule import ASGI, Occurrence, Rule, always
from wsdoctor.diagnosis.rules._remedies import worded
from wsdoctor.diagnosis.walk import InvalidClose
from wsdoctor.recording.events import ClientActed, ClientEnded, FrameReceived, ServerPhase


def detect(connection: Connection) -> Iterator[Occurrence]:
    for closed in connection.invalid_closes:
        yield _occurrence(connection, closed)


def _occurrence(connection: Connection, closed: InvalidClose) -> Occurrence:
    call, raised = closed.call, closed.raised
    answers = call.sender == "framework"
    if not answers:
        stack = call.stack
        place = innermost(connection, stack)
        what = f"{subject(connection, place)} closes the connection at {where(place)}"
    elif call.handling is not None and any(frame.user for frame in call.handling.stack):
        stack = call.handling.stack
        place = raised_in(connection, call.handling)
        raises = call.handling.type.rpartition(".")[2]
        what = (
            f"{subject(connection, place)} raises {raises} at {where(place)}, "
            "and the framework closes the connection with it"
        )
    else:
        stack, place = (), None
        what = "the framework closes the connection"
    logged = raised is not None and raised.id in connection.logged
    return Occurrence(
        code=RULE.code,
        message=f"{what}, but {closed.why}",
        place=place,
        severity="error" if logged else "warning",
        mark="logged" if logged else "masked",
        index=closed.index,
        fault="framework" if answers and place is None else "app",
        evidence=tuple(_evidence(connection, closed, path(stack))),
        explains=frozenset() if raised is None else frozenset({raised.id}),
        setting="" if _is_code(closed) else "reason",
        task=call.task,
    )


def _is_code(closed: InvalidClose) -> bool:
    call = closed.call
    return bool(invalid_close(call.code, 0)) or call.mistyped.startswith("the code")


def _evidence(connection: Connection, closed: InvalidClose, way: str) -> Iterator[str]:
    if closed.raised is not None:
        yield f"the server's send() raised {name(closed.raised)}"
    else:
        yield "the server raised nothing"
    if (code := _seen(connection, closed.index)) is not None:
        yield f"the client saw close code {code}"
    if way:
        yield f"call path: {way}"


def _seen(connection: Connection, index: int) -> int | None:
    """The close code that the client saw of it; None if the connection had ended in another way."""
    for place, event in enumerate(connection.events):
        match event:
            case ClientActed(disconnects=True, connection=connection.number):
                return None
            case ServerPhase(phase="exit-requested"):
                return None
            case FrameReceived(opcode="close", connection=connection.number, code=code):
                return code if place > index else None
            case ClientEnded(connection=connection.number, code=code):
                return code if place > index else None
    return None


_SENDABLE = (
    "Close with a code that may be sent: 1000 (done), 1008 (a rule of yours), 1011 (an error of yours), "
    "or one of your own from 4000 to 4999."
)
_FROM_ELSEWHERE = (
    "A code that came from another connection may be 1005 or 1006, which are never sent:"
)
_SHORT = (
    "Say what is wrong in a few words of your own, and log the rest. If the text comes from elsewhere, "
    "cut it:"
)

RULE = Rule(
    code="WSD107",
    name="invalid-close",
    summary="the application closed with a code or a reason that RFC 6455 forbids to send",
    severity="error; warning where the server sends something else in its place",
    effect="escape",
    happens="the close code or its reason is refused",
    why=(
        "The client never learns why it was turned away. uvicorn's `websockets` implementations raise, "
        "so that the connection breaks off with 1006, an error is logged, and clients connect again at "
        "once; `wsproto` sends 1000 in the place of some codes, and cuts the reason short."
    ),
    silence="Never: no server can send it.",
    remedies={
        **worded(
            "",
            {
                "": f"{_SENDABLE} {_FROM_ELSEWHERE}",
                "litestar": f"{_SENDABLE} That holds for the `code` of a `WebSocketException`, too. "
                f"{_FROM_ELSEWHERE}",
            },
            {
                "": """
                    sendable = code in {1000, 1001, 1008, 1011} or 3000 <= code <= 4999
                    await websocket.close(code if sendable else 1011)
                """,
                "litestar": """
                    sendable = code in {1000, 1001, 1008, 1011} or 3000 <= code <= 4999
                    await socket.close(code=code if sendable else 1011)
                """,
                "asgi": """
                    sendable = code in {1000, 1001, 1008, 1011} or 3000 <= code <= 4999
                    await send({"type": "websocket.close", "code": code if sendable else 1011})
                """,
                "channels": """
                    sendable = code in {1000, 1001, 1008, 1011} or 3000 <= code <= 4999
                    await self.close(code if sendable else 1011)
                """,
            },
        ),
        **worded(
            "reason",
            {
                "": f"The reason is a text of at most 123 bytes in UTF-8. {_SHORT}",
                "litestar": "The reason is a text of at most 123 bytes in UTF-8: that of `close()`, and the "
                f"`detail` of an exception that Litestar answers with a close. {_SHORT}",
            },
            {
                "": """
                    short = reason.encode(errors="replace")[:123].decode(errors="ignore")
                    await websocket.close(1003, short)
                """,
                "litestar": """
                    short = reason.encode(errors="replace")[:123].decode(errors="ignore")
                    await socket.close(code=1003, reason=short)
                """,
                "asgi": """
                    short = reason.encode(errors="replace")[:123].decode(errors="ignore")
                    await send({"type": "websocket.close", "code": 1003, "reason": short})
                """,
                "channels": """
                    short = reason.encode(errors="replace")[:123].decode(errors="ignore")
                    await self.close(1003, short)
                """,
            },
        ),
    },
    detect=detect,
    links=("https://www.rfc-editor.org/rfc/rfc6455#section-7.4", ASGI),
    rank=140,
    explains={"WSD003": always},  # a connection that is broken off has no later moments
    checks={
        "": check(
            "contract closes",
            WATCHED,
            'assert not tap.unfit, f"{tap.unfit[0]}: {tap.messages[-9:]}"',
        ),
    },
    signatures=(
        Signature(
            order=160,
            example="websockets.exceptions.ProtocolError: invalid status code",
            pattern=r"ProtocolError: (?:invalid status code|control frame too long)",
            means="the connection was closed with a code or a reason that RFC 6455 does not allow",
            also=("WSD602",),
            proof=False,
        ),
        Signature(
            order=170,
            example="invalid close code 1005 (must be 1000 or from [3000, 4999])",
            pattern=r"invalid close code \d+ \(must be 1000",
            means="the application closed with a code that RFC 6455 does not allow it to send",
            also=("WSD602",),
            needle="invalid close code",
        ),
    ),
)

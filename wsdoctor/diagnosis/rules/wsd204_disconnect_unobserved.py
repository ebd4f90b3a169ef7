"""WSD204 disconnect-unobserved: the handler does not listen, only a later send finds out."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import returns_within
from wsdoctor.diagnosis.location import handler_frame, path, subject, where
from wsdoctor.diagnosis.logged import Signature, Traceback
from wsdoctor.diagnosis.rule import ASGI, Occurrence, Rule, always, seconds
from wsdoctor.diagnosis.rules._remedies import MAY_NOTICE_FIRST, WHEN_IT_ENDS, remedy, worded
from wsdoctor.diagnosis.rules._snippets import CANCEL_THEN_WAIT, EXPECT_THE_END
from wsdoctor.recording.events import SendReturned, StackFrame


def detect(connection: Connection) -> Iterator[Occurrence]:
    end, returned = connection.end_known, connection.returned
    if end is None or connection.delivered is not None or connection.listening_at_end:
        return
    late = None if returned is None else returned.time - end
    if late is not None and late - connection.awaited_outside <= connection.recording.grace:
        return
    if connection.refusals and (returned is None or connection.cancelled_from_outside):
        return  # it learned of the end by a send that failed, and went on: WSD402
    failures = [event.time - end for event in connection.all(SendReturned) if event.exception]
    if any(0 <= after <= connection.recording.grace for after in failures):
        return  # it learned of the end in time, by a send that failed, and is late for another reason
    failed = any(after > 0 for after in failures)
    if returned is not None and not failed and not connection.cancelled_from_outside:
        return  # it finished what it had to do: merely late, if anything
    sample = connection.sampled("teardown", "hang")
    place = handler_frame(connection, sample.stack) if sample else connection.recording.handler
    way = path(sample.stack) if sample else ""
    how = (
        f"that the client had left was noticed {seconds(late)} later, when a send failed"
        if late is not None
        else "that the client had left was never noticed"
    )
    yield Occurrence(
        code=RULE.code,
        message=f"nothing waits in `receive()` while {subject(connection, place)} is at {where(place)}: {how}",
        place=place,
        severity="error" if returned is None else "warning",
        effect="stuck" if returned is None else None,
        mark="masked",
        index=connection.sampled_at("teardown", "hang"),
        symptoms=("WSD401",) if returned is not None else ("WSD402",),
        evidence=(f"await stack: {way}",) if way else (),
        setting="stream" if sample and any(map(_streams, sample.stack)) else "",
        explains=frozenset(
            event.exception.id for event in connection.all(SendReturned) if event.exception
        ),
    )


def _streams(frame: StackFrame) -> bool:
    return not frame.user and frame.function.partition(".")[0] == "send_websocket_stream"


_READ = (
    "Read while you send. The stream runs in a task; the handler reads until the disconnect ends the "
    "loop, and then cancels the task and waits for it:"
)

RULE = Rule(
    code="WSD204",
    name="disconnect-unobserved",
    summary=(
        "the application did not listen, so it learned of the disconnect only when a later send "
        "failed"
    ),
    severity="warning; error if the handler never ends",
    effect="late",
    happens="the disconnect goes unnoticed",
    why=(
        "A disconnect is a message like any other: a handler that never reads does not get it, and finds "
        "out when the next send fails. A stream with long pauses keeps its task, its database cursor "
        "and its subscription for clients that left long ago; a stream that has nothing to say "
        "keeps them for ever."
    ),
    silence=(
        "A stream whose pauses are short for certain may live with it: what ends within `--grace` "
        "is not reported."
    ),
    remedies={
        **worded(
            "",
            {
                "": _READ,
                "quart": "Run the stream in a task, and cancel it with the handler:",
                "channels": "Run the stream in a task, and cancel it when the connection ends:",
            },
            WHEN_IT_ENDS,
            {
                **CANCEL_THEN_WAIT,
                "": """
                    task = asyncio.create_task(stream(websocket))
                    try:
                        async for _ in websocket.iter_text():
                            pass
                    finally:
                        if not task.done():
                            task.cancel()
                            await asyncio.wait([task])
                """,
                "litestar": """
                    task = asyncio.create_task(stream(socket))
                    try:
                        async for _ in socket.iter_data("text"):
                            pass
                    finally:
                        if not task.done():
                            task.cancel()
                            await asyncio.wait([task])
                """,
            },
            MAY_NOTICE_FIRST,
            EXPECT_THE_END,
        ),
        "litestar/stream": remedy(
            "Let Litestar read beside the stream, or use `@websocket_stream`, which does so by "
            "itself:",
            """
            try:
                async with aclosing(weather()) as stream:
                    await send_websocket_stream(socket, stream, listen_for_disconnect=True)
            except* (WebSocketDisconnect, OSError):
                pass
            """,
        ),
    },
    detect=detect,
    links=(ASGI,),
    rank=210,
    explains={"WSD402": always, "WSD403": always},  # a handler that does not listen cannot end
    tells_of_return=True,
    tells_of_hang=True,
    checks={
        "": returns_within(
            "GRACE", "the handler did not notice that the connection was over", "grace"
        ),
    },
    signatures=(
        Signature(
            order=190,
            example="uvicorn.protocols.utils.ClientDisconnected",
            pattern=r"\bClientDisconnected\b",
            means="a send failed because the client was gone, and nothing caught it",
            also=("WSD201",),
            needle="ClientDisconnected",
            last_line=True,
        ),
        Signature(
            order=210,
            example="websockets.exceptions.ConnectionClosedError: no close frame received or sent",
            pattern=r"\bConnectionClosed(?:OK|Error)?\b",
            means=(
                "the `websockets` library found the connection closed; on a server that means that the client has "
                "left"
            ),
            also=("WSD602",),
            needle="ConnectionClosed",
            last_line=True,
            proof=False,
        ),
    ),
    tracebacks=(
        Traceback(
            shape="send failed", means="a send failed because the client was gone", also=("WSD201",)
        ),
    ),
)

"""WSD601 client-data-discarded: the framework read the client's messages and threw them away."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import WATCHED, check
from wsdoctor.diagnosis.location import origin_of, subject, where
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import remedy
from wsdoctor.recording.case import SendStep
from wsdoctor.recording.events import (
    AnyEvent,
    ClientActed,
    ReceiveCalled,
    ReceiveReturned,
    ServerPhase,
    StackFrame,
    WarningIssued,
)

_SAY_SO = frozenset({"LitestarWarning"})
"""The categories of the warnings by which frameworks say that they discard what they have read."""


def detect(connection: Connection) -> Iterator[Occurrence]:
    script = connection.recording.case.script
    if not any(isinstance(step, SendStep) for step in script):
        return  # the script sends nothing, so the handler may not want messages
    wanted = _wanted(connection)
    lost = [
        (index, call) for index, call in _discarded(connection) if call.task in connection.tasks
    ]
    if wanted is None or not lost:
        return
    index, call = lost[0]
    place = origin_of(connection, connection.tasks[call.task])
    count = len(lost)
    yield Occurrence(
        code=RULE.code,
        message=f"{'a message' if count == 1 else f'{count} messages'} of the client's never reached {subject(connection, place)}: "
        f"the framework, told at {where(place)} to listen for the disconnect, read and discarded "
        f"{'it' if count == 1 else 'them'}",
        place=place,
        severity="error",
        mark="masked",
        index=index,
        evidence=(
            f"the handler itself reads messages at {where(wanted)}",
            "the framework warned that it discarded data",
        ),
    )


def _wanted(connection: Connection) -> StackFrame | None:
    """The user's line that reads messages: the handshake's own message does not count."""
    of_the_handshake = {
        event.call
        for event in connection.all(ReceiveReturned)
        if event.message == "websocket.connect"
    }
    return next(
        (
            call.stack[-1]
            for call in connection.all(ReceiveCalled)
            if call.stack and call.call not in of_the_handshake
        ),
        None,
    )


def _discarded(connection: Connection) -> Iterator[tuple[int, ReceiveCalled]]:
    """The reads of tasks of the framework's own at which it said that it threw the message away.

    A read by a framework is no sign of it: most frameworks pass on what they read. This one warns, in the
    same step, before anything else happens on the connection; a user who switched that off knows of it.
    Once the end has begun, no code has to read the rest.
    """
    calls = {call.call: call for call in connection.all(ReceiveCalled)}
    read: tuple[int, ReceiveReturned] | None = None
    for index, event in enumerate(connection.events):
        if index == connection.end_index or _begins_the_end(event):
            return
        if getattr(event, "connection", 0) != connection.number:
            continue
        if isinstance(event, WarningIssued) and event.category in _SAY_SO and read is not None:
            call = calls.get(read[1].call)
            if call is not None and not call.stack and event.step == read[1].step:
                yield read[0], call
        read = (
            (index, event)
            if isinstance(event, ReceiveReturned) and event.message == "websocket.receive"
            else None
        )


def _begins_the_end(event: AnyEvent) -> bool:
    return (isinstance(event, ClientActed) and event.disconnects) or (
        isinstance(event, ServerPhase) and event.phase == "exit-requested"
    )


RULE = Rule(
    code="WSD601",
    name="client-data-discarded",
    summary="messages that the client sent were read by the framework and thrown away, in a handler that reads messages itself",
    severity="error",
    effect="lost",
    happens="messages of the client are lost",
    why=(
        "Code that listens for the disconnect has to read, and other messages that it reads are gone. The "
        "client has sent its message, the handler waits for it, and nothing fails: there is no error, no "
        "reply, and in the log at most one warning for the whole life of the process."
    ),
    silence=(
        "If the application does not need the client's messages meanwhile: `warn_on_data_discard=False` "
        "says so, and then nothing is reported."
    ),
    remedies={
        "": remedy(
            "Keep one reader, your own. The disconnect reaches it among the messages, so no other code "
            "has to listen for it."
        ),
        "litestar": remedy(
            "Send a short stream without `listen_for_disconnect=True`, and read afterwards: what "
            "the client says meanwhile waits. (`close=False` keeps the connection open.)",
            """
            with suppress(WebSocketDisconnect, OSError):
                async with aclosing(history()) as past:
                    await send_websocket_stream(socket, past, close=False)
                async for text in socket.iter_data("text"):
                    ...
            """,
            "Beside a long stream read in the handler, and run the stream in a task that you cancel "
            "when the reading ends.",
        ),
    },
    detect=detect,
    rank=180,
    checks={
        "": check(
            "warns",
            WATCHED,
            'said = [w for w in recwarn if w.category.__name__ == "LitestarWarning"]',
            'assert not said, f"the framework warned: {said[0].message}"',
        ),
    },
)

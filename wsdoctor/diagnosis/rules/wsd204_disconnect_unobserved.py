"""WSD204 disconnect-unobserved: nobody listens, only a later send finds out."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import handler_frame, subject, where
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.rule import Occurrence, Rule, seconds
from wsdoctor.recording.events import SendReturned, StacksSampled


def detect(connection: Connection) -> Iterator[Occurrence]:
    end, returned = connection.end_known, connection.returned
    if end is None or connection.delivered is not None or connection.listening_at_end:
        return
    late = None if returned is None else returned.time - end
    if late is not None and late <= connection.recording.grace:
        return
    failed = any(event.exception and event.time > end for event in connection.all(SendReturned))
    if returned is not None and not failed:
        return  # it finished what it had to do: merely late, if anything
    sample = connection.sampled("teardown", "hang")
    place = handler_frame(connection, sample.stack) if sample else connection.recording.handler
    how = (
        f"only a failing send told it, {seconds(late)} later"
        if late is not None
        else "and it never learned that the client had left"
    )
    index = next(
        (i for i, event in enumerate(connection.events) if isinstance(event, StacksSampled)), len(connection.events) - 1
    )
    yield Occurrence(
        code=RULE.code,
        message=f"nothing waits in `receive()` while {subject(connection, place)} is at {where(place)}: {how}",
        place=place,
        severity="error" if returned is None else "warning",
        mark="masked",
        index=index,
        symptoms=("WSD401",) if returned is not None else ("WSD402",),
        explains=frozenset(event.exception.id for event in connection.all(SendReturned) if event.exception),
    )


RULE = Rule(
    code="WSD204",
    name="disconnect-unobserved",
    summary="nobody listens: the application learns of the disconnect only when a later send fails",
    why=(
        "A handler that only sends does not notice that its client has left until it sends again. A stream with long pauses "
        "keeps its task, its database cursor and its subscription for every client that ever came; a stream that has nothing "
        "to say keeps them for ever."
    ),
    silence="A stream with a short, certain period may live with it.",
    remedies={
        "": "Wait for the disconnect beside the stream: a second task in `receive()` whose end cancels the stream.",
        "litestar": "Let Litestar listen: `send_websocket_stream(socket, stream(), listen_for_disconnect=True)`, or use "
        "`@websocket_stream`, which does it by default.",
    },
    detect=detect,
)

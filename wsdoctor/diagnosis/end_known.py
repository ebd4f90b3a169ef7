"""When an application could first know that its connection is over."""

from __future__ import annotations

from collections.abc import Iterable

from wsdoctor.recording.events import (
    AnyEvent,
    FrameReceived,
    FrameSent,
    ReceiveCalled,
    ReceiveReturned,
    SendCalled,
    SendReturned,
    TransportLost,
)


def end_of(events: Iterable[tuple[int, AnyEvent]], refusals: frozenset[int]) -> int | None:
    """The place of the event that tells it; ``events`` are the connection's, with their places.

    A server that has answered the client's close frame reads no further before it is asked, and may
    never see the end of the transport: then the answer counts. To an application that asks, or whose
    ``send`` it holds, it tells the end when it is ready. ``refusals`` are exceptions by which ``send`` says that it is over.
    """
    unasked: int | None = None
    closing = False
    waiting: set[int] = set()
    sending: dict[int, float] = {}
    for index, event in events:
        if _tells(event, refusals):
            held = any(since < event.time for since in sending.values())
            return index if unasked is None or held else unasked
        if isinstance(event, ReceiveCalled):
            waiting.add(event.call)
            unasked = None
        elif isinstance(event, ReceiveReturned):
            waiting.discard(event.call)
        elif isinstance(event, SendCalled):
            sending[event.call] = event.time
        elif isinstance(event, SendReturned):
            sending.pop(event.call, None)
        elif isinstance(event, FrameSent) and event.opcode == "close":
            closing = True
        elif isinstance(event, FrameReceived) and event.opcode == "close" and closing:
            unasked = None if waiting else index
    return unasked


def _tells(event: AnyEvent, refusals: frozenset[int]) -> bool:
    return (
        isinstance(event, TransportLost)
        or (isinstance(event, ReceiveReturned) and event.message == "websocket.disconnect")
        or (
            isinstance(event, SendReturned)
            and event.exception is not None
            and event.exception.id in refusals
        )
    )

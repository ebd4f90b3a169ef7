"""Every moment of a connection's life, by name: the polls of the event loop between its steps.

The loop sees the network only when it polls. It notices a fault between two polls at the next one, so a
moment is one poll. If nothing of the connection ran before a poll (a tick of the server, idle time), the
poll is the same moment as the one before.

A moment is named by what the connection did last, so that unrelated edits do not move it:
``send#2+1`` is the first poll after the application's second send, ``send#2+2`` the next one before
which something of the connection ran. Moments with equal states (``states.py``) are alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

from wsdoctor.recording.events import (
    AnyEvent,
    AppCalled,
    AppReturned,
    ClientActed,
    ClientEnded,
    FrameReceived,
    FrameSent,
    ReceiveReturned,
    SendCalled,
    TransportLost,
)

MANY = 2
"""Counts from here on are the same state of a connection: none, one, many."""


class MomentNames:
    """Names the polls of one connection, in order."""

    def __init__(self, connection: int) -> None:
        self._connection = connection
        self._seen = 0
        self._anchor = ""
        self._last = ""
        self._polls = 0
        self._counts: Counter[str] = Counter()
        self._to_app = 0
        self._to_client = 0
        self.left_out = 0
        """Polls of a connection that is never at rest, which are moments like those before."""

    def poll(self, events: list[AnyEvent], *, ran: bool) -> str:
        """The name of the poll that is about to come; empty if it is no moment of its own.

        ``events`` are all events so far, ``ran`` whether code of the connection has run since the
        last poll.
        """
        if not ran and len(events) == self._seen:
            return ""
        news = events[self._seen :]
        self._seen = len(events)
        mine = [event for event in news if getattr(event, "connection", 0) == self._connection]
        for event in mine:
            self._count(event)
            if what := _anchor(event):
                self._counts[what] += 1
                self._last = what
                count = self._counts[what]
                self._anchor = f"{what}#{count}" if what in _REPEATED else what
                self._polls = _MOST if count > _MOST else 0
        if not self._anchor or not (mine or ran):
            return ""
        if self._polls >= _MOST:
            self.left_out += 1
            return ""
        self._polls += 1
        return f"{self._anchor}+{self._polls}"

    @property
    def step(self) -> Hashable:
        """Where in the connection's life the last poll is, without counting what is many.

        That is what came last and how many polls ago, what has come at all, and how many messages are
        on their way to the application and to the client.
        """
        on_their_way = (self._to_app, self._to_client)
        clipped = tuple(min(count, MANY) for count in on_their_way)
        return self._last, self._polls, frozenset(self._counts), clipped

    def _count(self, event: AnyEvent) -> None:
        match event:
            case FrameSent(opcode=opcode) if opcode in _MESSAGES:
                self._to_app += 1
            case ReceiveReturned(message="websocket.receive"):
                self._to_app -= 1
            case SendCalled(message="websocket.send"):
                self._to_client += 1
            case FrameReceived(opcode=opcode) if opcode in _MESSAGES:
                self._to_client -= 1


_MOST = 32
"""Polls that have a name after one step of the connection, and steps of one kind that have: an
application that sends without a pause, or spins, would have tens of thousands."""

_MESSAGES = frozenset({"text", "binary"})

_REPEATED = frozenset({"send", "receive"})


def _anchor(event: AnyEvent) -> str:
    match event:
        case ClientActed(act="connect"):
            return "connect"
        case AppCalled():
            return "call"
        case SendCalled(message=message):
            return message.removeprefix("websocket.")
        case ReceiveReturned(message=message) if message:
            what = message.removeprefix("websocket.")
            return "connected" if what == "connect" else what
        case TransportLost():
            return "lost"
        case AppReturned():
            return "return"
        case ClientEnded():
            return "end"
    return ""

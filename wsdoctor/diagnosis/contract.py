r"""The ASGI WebSocket contract, as one table.

Source: ASGI specification, "WebSocket" (version 2.5 of the HTTP & WebSocket format), and its
denial-response extension. The table says what the application may send in each state, and the
state that follows. The rules of this file:

- The table is literal. A message that is not in the row of a state is a violation there.
- A violation leaves the state untouched.
- The application's state changes when it *calls* ``send``, not when the call returns: that is the
  moment at which it decided.
- ``disconnected`` begins when the application has *received* ``websocket.disconnect``. Before that
  a send that races the end of the connection is allowed: the specification lets ``send`` raise an
  OSError then, and tells servers not to log it.

    connecting --accept--> open --close--> closed
        |  \--response.start--> denying --response.body (last)--> closed
        \--close--> closed
    any --(send refused with an OSError)--> gone
    any --(disconnect received)--> disconnected

In ``gone`` the application has lost a race, and everything is forgiven: what it or its framework
still sends cannot arrive, and it has not been told by ``websocket.disconnect`` yet. Only to close twice
is not: servers answer that as they do on an open connection, and log it (see ``Walk``).
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    CONNECTING = "before the handshake was answered"
    OPEN = "open"
    DENYING = "in the middle of a denial response"
    CLOSED = "closed by the application"
    GONE = "gone, as a refused send has told"
    DISCONNECTED = "disconnected, and the application knows"


ACCEPT = "websocket.accept"
SEND = "websocket.send"
CLOSE = "websocket.close"
DENY_START = "websocket.http.response.start"
DENY_BODY = "websocket.http.response.body"

TABLE: dict[State, dict[str, State]] = {
    State.CONNECTING: {ACCEPT: State.OPEN, CLOSE: State.CLOSED, DENY_START: State.DENYING},
    State.OPEN: {SEND: State.OPEN, CLOSE: State.CLOSED},
    State.DENYING: {DENY_BODY: State.DENYING},
    State.CLOSED: {},
    State.GONE: {
        SEND: State.GONE,
        CLOSE: State.GONE,
        ACCEPT: State.GONE,
        DENY_START: State.GONE,
        DENY_BODY: State.GONE,
    },
    State.DISCONNECTED: {},
}

AFTER_CLOSE = "WSD103"
"""The rule that a message breaks when the application has closed the connection itself."""

HANDSHAKE_REPLIES = frozenset({ACCEPT, CLOSE, DENY_START})


def follow(state: State, message: str) -> State | None:
    """The state after the application sent ``message`` in ``state``; None if it must not be sent."""
    return TABLE[state].get(message)


def violated_rule(state: State, message: str) -> str | None:
    """The code of the rule that ``message`` breaks in ``state``, None if it is allowed."""
    if follow(state, message) is not None:
        return None
    if state is State.DISCONNECTED:
        return "WSD101" if message == CLOSE else "WSD102"
    return AFTER_CLOSE if state is State.CLOSED else "WSD106"

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

In ``gone`` the application has lost a race, and almost everything is allowed: messages from it or its
framework cannot arrive, and it has not received ``websocket.disconnect`` yet. Only a second close is a
violation: servers answer it as they do on an open connection, and log it (see ``Walk``).
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


class Breach(Enum):
    """The reason for which the contract forbids a message. A rule says which breach it is about."""

    CLOSE_AFTER_DISCONNECT = "a close after the application has received the disconnect"
    SEND_AFTER_DISCONNECT = "any other message after the disconnect"
    AFTER_CLOSE = "a message after the application has closed the connection itself"
    HANDSHAKE = "a message that does not answer the handshake, or answers it again"

    @property
    def after_disconnect(self) -> bool:
        return self in {Breach.CLOSE_AFTER_DISCONNECT, Breach.SEND_AFTER_DISCONNECT}

    @property
    def too_late(self) -> bool:
        """Whether the connection is over."""
        return self is not Breach.HANDSHAKE


MOST_REASON = 123
"""Bytes of UTF-8 in the reason of a close frame: a control frame holds 125, and the code takes two."""

_NEVER_SENT = {
    1005: "it stands for a close frame without a code",
    1006: "it stands for a connection that ended without a close frame",
    1015: "it stands for a failed TLS handshake",
}
"""What an endpoint reports and never sends (RFC 6455, section 7.4.1)."""

HANDSHAKE_REPLIES = frozenset({ACCEPT, CLOSE, DENY_START})


def follow(state: State, message: str) -> State | None:
    """The state after the application sent ``message`` in ``state``; None if it must not be sent."""
    return TABLE[state].get(message)


def breach_of(state: State, message: str) -> Breach | None:
    """How ``message`` breaks the contract in ``state``, None if it is allowed."""
    if follow(state, message) is not None:
        return None
    if state is State.DISCONNECTED:
        late_close = message == CLOSE
        return Breach.CLOSE_AFTER_DISCONNECT if late_close else Breach.SEND_AFTER_DISCONNECT
    return Breach.AFTER_CLOSE if state is State.CLOSED else Breach.HANDSHAKE


def invalid_close(code: int | None, reason_size: int | None) -> str:
    """Why a close frame must not have this code or this reason; empty if it may.

    ``code`` is None if the application gave none. ``reason_size`` is in bytes of UTF-8, None if the
    reason cannot be encoded. Source: RFC 6455, sections 5.5 and 7.4, and the registry of close codes
    (1012 to 1014). The code 1010 is a client's, but every library takes it.
    """
    if code in _NEVER_SENT:
        return f"RFC 6455 forbids sending {code}: {_NEVER_SENT[code]}"
    if code is not None and code < 1000:  # noqa: PLR2004 - as the text says
        return f"{code} is no close code: they begin at 1000"
    if code == 1004 or (code is not None and 1015 < code < 3000):  # noqa: PLR2004 - as the text says
        return f"{code} is reserved: an application's own codes are 3000 to 4999"
    if code is not None and code > 4999:  # noqa: PLR2004 - as the text says
        return f"{code} is no close code: they end at 4999"
    if reason_size is None:
        return "its reason cannot be encoded as UTF-8"
    if reason_size > MOST_REASON:
        return f"its reason has {reason_size} bytes, and a close frame has room for {MOST_REASON}"
    return ""

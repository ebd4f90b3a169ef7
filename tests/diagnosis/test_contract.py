"""The table against a second statement of the ASGI specification, written from its text."""

from __future__ import annotations

import itertools

import pytest
from websockets.exceptions import ProtocolError
from websockets.frames import Close, Frame, Opcode

from wsdoctor.diagnosis.contract import TABLE, Breach, State, breach_of, follow, invalid_close

MESSAGES = [
    "websocket.accept",
    "websocket.send",
    "websocket.close",
    "websocket.http.response.start",
    "websocket.http.response.body",
    "websocket.disconnect",
    "http.response.start",
    "",
]


def specification(state: State, message: str) -> Breach | None:
    """How ``message`` breaks the contract, from the specification's prose."""
    if state is State.GONE:
        # "… should raise a server-specific subclass of OSError": the server may refuse, and the application may send.
        return None if message in MESSAGES[:5] else Breach.HANDSHAKE
    if state is State.DISCONNECTED:
        # "Once you have received this event, you should expect future calls … to raise."
        return (
            Breach.CLOSE_AFTER_DISCONNECT
            if message == "websocket.close"
            else Breach.SEND_AFTER_DISCONNECT
        )
    if state is State.CLOSED:
        # "After this event no other events are accepted from the application."
        return Breach.AFTER_CLOSE
    allowed = {
        # "This message must be responded to with either an Accept message or a Close message", or,
        # by the denial-response extension, with http.response.start.
        State.CONNECTING: {
            "websocket.accept",
            "websocket.close",
            "websocket.http.response.start",
        },
        State.OPEN: {"websocket.send", "websocket.close"},
        State.DENYING: {"websocket.http.response.body"},
    }
    return None if message in allowed[state] else Breach.HANDSHAKE


@pytest.mark.parametrize("state, message", list(itertools.product(State, MESSAGES)))
def test_every_message_in_every_state(state, message):
    assert breach_of(state, message) == specification(state, message)


def test_a_forbidden_message_leaves_the_state_untouched():
    for state, message in itertools.product(State, MESSAGES):
        if breach_of(state, message) is not None:
            assert follow(state, message) is None


def test_every_state_has_its_row_and_leads_only_to_states():
    assert set(TABLE) == set(State)
    assert {after for row in TABLE.values() for after in row.values()} <= set(State)


# --- close frames


def taken_by(close: Close) -> bool:
    """Whether the library ``websockets`` writes such a frame."""
    try:
        Frame(Opcode.CLOSE, close.serialize()).check()
    except ProtocolError:
        return False
    return True


def test_a_close_code_is_invalid_where_websockets_refuses_it():
    for code in range(5100):
        assert bool(invalid_close(code, 0)) is not taken_by(Close(code, "")), code


@pytest.mark.parametrize("letter", ["a", "é", "€", "🐢"])
def test_a_reason_is_invalid_where_websockets_refuses_it(letter):
    for count in range(130):
        reason = letter * count
        size = len(reason.encode())
        assert bool(invalid_close(1000, size)) is not taken_by(Close(1000, reason)), count


def test_a_close_without_a_code_is_one_with_1000_and_a_reason_has_to_be_unicode():
    assert not invalid_close(None, 123)
    assert "UTF-8" in invalid_close(None, None)

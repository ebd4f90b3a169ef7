"""The table against a second statement of the ASGI specification, written from its text."""

from __future__ import annotations

import itertools

import pytest

from wsdoctor.diagnosis.contract import TABLE, State, follow, violated_rule

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


def specification(state: State, message: str) -> str | None:
    """The rule that ``message`` breaks, from the specification's prose."""
    if state is State.GONE:
        # "… should raise a server-specific subclass of OSError": the server refuses, nobody is wrong.
        return None if message in MESSAGES[:5] else "WSD106"
    if state is State.DISCONNECTED:
        # "Once you have received this event, you should expect future calls … to raise."
        return "WSD101" if message == "websocket.close" else "WSD102"
    if state is State.CLOSED:
        # "After this event no other events are accepted from the application."
        return "WSD103"
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
    return None if message in allowed[state] else "WSD106"


@pytest.mark.parametrize("state, message", list(itertools.product(State, MESSAGES)))
def test_every_message_in_every_state(state, message):
    assert violated_rule(state, message) == specification(state, message)


def test_a_forbidden_message_leaves_the_state_untouched():
    for state, message in itertools.product(State, MESSAGES):
        if violated_rule(state, message) is not None:
            assert follow(state, message) is None


def test_every_state_has_its_row_and_leads_only_to_states():
    assert set(TABLE) == set(State)
    assert {after for row in TABLE.values() for after in row.values()} <= set(State)

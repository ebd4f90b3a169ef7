"""Every short course of a connection, walked through the table and through a second reading of the spec.

The second reading is written as a list of plain questions about what came before, with no state.
"""

from __future__ import annotations

import itertools

import pytest

from tests.diagnosis.story import REFUSED, RUNTIME, Story, error
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.recording.events import AppCalled

ACCEPT, SEND, CLOSE = "websocket.accept", "websocket.send", "websocket.close"
START, BODY = "websocket.http.response.start", "websocket.http.response.body"
TOLD = "the application receives websocket.disconnect"
REFUSAL = "websocket.send, which the server refuses with an OSError"

STEPS = [ACCEPT, SEND, CLOSE, START, BODY, TOLD, REFUSAL]


def broken_rules(course: tuple[str, ...]) -> list[str]:
    """The rule that each forbidden message of ``course`` breaks, in order."""
    said: list[str] = []  # the messages that counted: a forbidden one is as if it had not been sent
    told = refused = gave_up = False
    rules: list[str] = []
    for step in course:
        if step == TOLD:
            # After its own close it is only told what it knows; what it does then is the same fault.
            told = told or CLOSE not in said or refused
            continue
        message = SEND if step == REFUSAL else step
        rule = _broken(said, message, told=told, refused=refused)
        if refused and not told and message == CLOSE:
            # It may answer the refusal by closing, but "no other events are accepted" after that.
            rule, gave_up = "WSD103" if gave_up else "", True
        if rule:
            rules.append(rule)
        elif not refused:
            said.append(message)
        # "send() should raise an OSError after the disconnect": from then on nobody is to blame,
        # until the disconnect itself is received.
        refused = refused or (step == REFUSAL and not told)
    return rules


def _broken(said: list[str], message: str, *, told: bool, refused: bool) -> str:
    if told:
        return "WSD101" if message == CLOSE else "WSD102"
    if refused:
        return ""
    if CLOSE in said:
        return "WSD103"
    if START in said:
        return "" if message == BODY else "WSD106"
    if ACCEPT in said:
        return "" if message in {SEND, CLOSE} else "WSD106"
    return "" if message in {ACCEPT, CLOSE, START} else "WSD106"


def walked(course: tuple[str, ...]) -> list[str]:
    story = Story()
    story.add(AppCalled, path="/ws", task=1)
    for number, step in enumerate(course):
        if step == TOLD:
            story.received("websocket.disconnect")
        elif step == REFUSAL:
            story.sent(SEND, raised=error(100 + number, REFUSED))
        else:
            story.sent(step)
    return [violation.code for violation in Connection(story.recording()).violations]


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_every_course_of_that_length(length):
    wrong = [
        (course, walked(course), broken_rules(course))
        for course in itertools.product(STEPS, repeat=length)
        if walked(course) != broken_rules(course)
    ]
    assert wrong == []


def test_what_came_of_a_forbidden_message_is_told_with_it():
    raised = error(1, RUNTIME)
    story = Story().opened().client_leaves().received("websocket.disconnect")
    story.sent(CLOSE, raised=raised).sent(SEND)
    first, second = Connection(story.recording()).violations
    assert (first.raised, second.raised) == (raised, None)
    assert first.index < second.index


def test_another_connections_messages_are_its_own():
    story = Story().opened().client_leaves().received("websocket.disconnect").sent(CLOSE)
    recording = story.recording()
    assert [violation.code for violation in Connection(recording, 1).violations] == ["WSD101"]
    assert Connection(recording, 2).violations == ()


def test_what_wsdoctors_teardown_provokes_is_nobodys():
    story = Story().opened()
    before = story.recording()  # ends the observation
    story.received("websocket.disconnect").sent(CLOSE)
    after = story.recording()
    assert Connection(before).violations == Connection(after).violations == ()

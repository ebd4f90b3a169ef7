"""Every short course of a connection, walked through the table and through a second reading of the spec.

The second reading is written as a list of plain questions about what came before, with no state.
"""

from __future__ import annotations

import itertools

import pytest

from tests.diagnosis.story import REFUSED, RUNTIME, Story, error
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.contract import Breach
from wsdoctor.recording.events import AppCalled

ACCEPT, SEND, CLOSE = "websocket.accept", "websocket.send", "websocket.close"
START, BODY = "websocket.http.response.start", "websocket.http.response.body"
TOLD = "the application receives websocket.disconnect"
REFUSAL = "websocket.send, which the server refuses with an OSError"

STEPS = [ACCEPT, SEND, CLOSE, START, BODY, TOLD, REFUSAL]


def breaches(course: tuple[str, ...]) -> list[Breach]:
    """The breach of each forbidden message of ``course``, in order."""
    said: list[str] = []  # the messages that counted: a forbidden one is as if it had not been sent
    told = refused = gave_up = False
    found: list[Breach] = []
    for step in course:
        if step == TOLD:
            # After its own close, the disconnect is no news; a later message is the same fault.
            told = told or CLOSE not in said or refused
            continue
        message = SEND if step == REFUSAL else step
        breach = _breach(said, message, told=told, refused=refused)
        if refused and not told and message == CLOSE:
            # It may answer the refusal by closing, but "no other events are accepted" after that.
            breach, gave_up = Breach.AFTER_CLOSE if gave_up else None, True
        if breach:
            found.append(breach)
        elif not refused:
            said.append(message)
        # "send() should raise an OSError after the disconnect": from then on neither side is at fault,
        # until the disconnect itself is received.
        refused = refused or (step == REFUSAL and not told)
    return found


def _breach(said: list[str], message: str, *, told: bool, refused: bool) -> Breach | None:
    if told:
        return Breach.CLOSE_AFTER_DISCONNECT if message == CLOSE else Breach.SEND_AFTER_DISCONNECT
    if refused:
        return None
    if CLOSE in said:
        return Breach.AFTER_CLOSE
    if START in said:
        return None if message == BODY else Breach.HANDSHAKE
    if ACCEPT in said:
        return None if message in {SEND, CLOSE} else Breach.HANDSHAKE
    return None if message in {ACCEPT, CLOSE, START} else Breach.HANDSHAKE


def walked(course: tuple[str, ...]) -> list[Breach]:
    story = Story()
    story.add(AppCalled, path="/ws", task=1)
    for number, step in enumerate(course):
        if step == TOLD:
            story.received("websocket.disconnect")
        elif step == REFUSAL:
            story.sent(SEND, raised=error(100 + number, REFUSED))
        else:
            story.sent(step)
    return [violation.breach for violation in Connection(story.recording()).violations]


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_every_course_of_that_length(length):
    wrong = [
        (course, walked(course), breaches(course))
        for course in itertools.product(STEPS, repeat=length)
        if walked(course) != breaches(course)
    ]
    assert wrong == []


def test_the_result_of_a_forbidden_message_is_reported_with_it():
    raised = error(1, RUNTIME)
    story = Story().opened().client_leaves().received("websocket.disconnect")
    story.sent(CLOSE, raised=raised).sent(SEND)
    first, second = Connection(story.recording()).violations
    assert (first.raised, second.raised) == (raised, None)
    assert first.index < second.index


def test_another_connections_messages_are_its_own():
    story = Story().opened().client_leaves().received("websocket.disconnect").sent(CLOSE)
    recording = story.recording()
    assert [violation.breach for violation in Connection(recording, 1).violations] == [
        Breach.CLOSE_AFTER_DISCONNECT
    ]
    assert Connection(recording, 2).violations == ()


def test_what_wsdoctors_teardown_provokes_is_no_finding():
    story = Story().opened()
    before = story.recording()  # ends the observation
    story.received("websocket.disconnect").sent(CLOSE)
    after = story.recording()
    assert Connection(before).violations == Connection(after).violations == ()

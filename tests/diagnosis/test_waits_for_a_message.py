"""Which line waits for a message that never comes: a client that says nothing has left by then."""

from __future__ import annotations

import pytest

from tests.diagnosis.story import CANCELLED, Story, error, frame
from wsdoctor.diagnosis.suspension import waits_for_a_message
from wsdoctor.recording import events as e

HERE, THERE = frame(5), frame(8)


def reads(story: Story, *stack: e.StackFrame, call: int = 70, task: int = 1) -> Story:
    return story.add(e.ReceiveCalled, call=call, task=task, stack=stack)


def gives_up(story: Story, call: int = 70) -> Story:
    cancelled = error(call, CANCELLED, HERE)
    return story.add(e.ReceiveReturned, after=5, call=call, message="", exception=cancelled)


def in_a_task_of_its_own(story: Story) -> Story:
    """``asyncio.wait_for(websocket.receive_text(), 5)`` before Python 3.12, and ``create_task``."""
    library = frame(20, "receive_text", user=False)
    story.add(e.TaskCreated, task=3, name="", coroutine="", parent=1, stack=(THERE,), root=library)
    return reads(story, task=3)


@pytest.mark.parametrize(
    "story, line",
    [
        (reads(Story().opened(), HERE).client_leaves(), HERE),
        (gives_up(reads(Story().opened(), HERE)).client_leaves(), HERE),
        (gives_up(reads(Story().opened(), HERE)).sent("websocket.close"), HERE),
        (in_a_task_of_its_own(Story().opened()).client_leaves(), THERE),
        (gives_up(in_a_task_of_its_own(Story().opened())).client_leaves(), THERE),
        (gives_up(reads(Story().opened(), HERE)).received("websocket.receive"), None),
        (Story().opened().client_leaves(), None),
    ],
    ids=[
        "at the end",
        "for a time, until the client left",
        "for a time, and then it closed",
        "in a task",
        "in a task, for a time",
        "until a message came",
        "never",
    ],
)
def test_the_line_that_waits_for_a_message(story, line):
    assert waits_for_a_message(story.recording()) == line

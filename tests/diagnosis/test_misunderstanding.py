"""Whether an error is the handler's answer to a message that wsdoctor made up, or comes of something else."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import FRAMEWORK, KEY, Story, error, frame
from wsdoctor.diagnosis.diagnose import misunderstanding
from wsdoctor.recording import events as e

MESSAGE = "websocket.receive"


def asked(story: Story, task: int = 1) -> Story:
    """``task`` waits for the next message."""
    return story.add(e.ReceiveCalled, call=90, task=task, stack=(frame(5),))


def fails(story: Story, *frames: e.StackFrame) -> Story:
    """The handler does, half a minute later, and the server logs it."""
    broken = error(1, KEY, *(frames or (frame(7),)))
    return story.returned(broken, after=30).logged(broken).client_leaves()


@pytest.mark.parametrize(
    "story, is_one",
    [
        (fails(Story().opened().received(MESSAGE)), True),
        (fails(asked(Story().opened().received(MESSAGE))), False),
        # a message came after it had asked for one
        (fails(Story().opened().received(MESSAGE).received(MESSAGE)), True),
        # another task reads, and may have handed the message on
        (fails(asked(Story().opened().started().received(MESSAGE, task=2), task=2)), True),
        # a task has worked on it, while the handler waits for the next one
        (
            fails(
                asked(Story().opened().started().received(MESSAGE)), frame(5), frame(11, "stream")
            ),
            True,
        ),
        # what the framework logs by itself
        (
            asked(Story().opened().received(MESSAGE))
            .logged(error(2, KEY, FRAMEWORK))
            .client_leaves(),
            True,
        ),
    ],
)
def test_it_is_none_once_the_task_that_read_it_has_asked_for_the_next_one(story, is_one):
    recording = replace(story.recording(), default_payload=True)
    assert bool(misunderstanding(recording)) is is_one

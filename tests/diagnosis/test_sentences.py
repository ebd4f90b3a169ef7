"""The sentences about an occurrence, and the remedy that is chosen for it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import (
    DISCONNECT,
    FRAMEWORK,
    GROUP,
    KEY,
    REFUSED,
    RUNTIME,
    Story,
    error,
    frame,
)
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.rule import Occurrence
from wsdoctor.recording import events as e

ANYIO = e.StackFrame(
    file="/venv/anyio/_backends/_asyncio.py", line=9, function="TaskGroup.__aexit__", user=False
)
ASYNCIO = e.StackFrame(
    file="/lib/asyncio/taskgroups.py", line=9, function="TaskGroup.__aexit__", user=False
)


def only(story: Story, source: str = "") -> Occurrence:
    recording = story.recording()
    if source:
        recording = replace(recording, sources={"app.py": source})
    (cause,) = diagnose(recording).causes
    return cause.occurrence


def left() -> Story:
    return Story().opened().client_leaves().received("websocket.disconnect")


@pytest.mark.parametrize("library, setting", [(ANYIO, "anyio"), (ASYNCIO, "")])
def test_a_task_group_is_of_the_library_whose_frames_raised_it(library, setting):
    gone = error(2, DISCONNECT, frame(12, "stream"))
    group = error(1, GROUP, FRAMEWORK, frame(5), library, members=(gone,))
    found = only(left().returned(group))
    assert (found.code, found.setting) == ("WSD202", setting)


FAREWELL = """\
async def handler(ws):
    try:
        await ws.accept()
        await serve(ws)
    finally:
        await bye(ws)


async def bye(ws):
    await ws.send("bye")
"""


@pytest.mark.parametrize(
    "stack, said",
    [
        ((frame(6),), "at app.py:6, in a `finally` that also runs when the client has left, but"),
        ((frame(6), frame(10, "bye")), "called in a `finally` at app.py:6 that also runs when"),
    ],
)
def test_a_farewell_says_why_it_is_sent_to_a_client_that_has_left(stack, said):
    found = only(left().sent("websocket.send", stack=stack).returned(), FAREWELL)
    assert (found.code, found.setting) == ("WSD102", "farewell")
    assert said in found.message


def test_a_message_after_the_close_says_where_that_was():
    raised = error(1, RUNTIME, FRAMEWORK, frame(9))
    story = Story().add(e.AppCalled, path="/ws", task=1).received("websocket.connect")
    story.sent("websocket.close", stack=(frame(3),))
    story.sent("websocket.accept", stack=(frame(9),), raised=raised).returned(raised)
    found = only(story.add(e.HandshakeRefused, status=403))
    assert (found.code, found.setting) == ("WSD103", "refusal")
    assert found.message.endswith("but `handler` had already refused the connection at app.py:3")


def test_a_refusal_that_goes_on_is_one_cause():
    story = Story().add(e.AppCalled, path="/ws", task=1).received("websocket.connect")
    story.sent("websocket.close", stack=(frame(3),)).sent("websocket.accept", stack=(frame(9),))
    (cause,) = diagnose(story.returned().add(e.HandshakeRefused, status=403).recording()).causes
    assert [symptom.code for symptom in cause.symptoms] == ["WSD002"]


def test_an_error_of_a_task_of_a_group_is_named_where_it_was_raised():
    broken = error(2, KEY, frame(12, "stream"))
    group = error(1, GROUP, FRAMEWORK, frame(5), ASYNCIO, members=(broken,))
    story = Story().opened().started().add(e.HandshakeAccepted).returned(group)
    found = only(story.client_leaves())
    assert (found.code, found.place) == ("WSD602", frame(12, "stream"))
    assert "it left the handler at app.py:5" in found.evidence


@pytest.mark.parametrize(
    "raised, setting",
    [
        (error(1, KEY, frame(12, "stream")), ""),
        (error(1, DISCONNECT, frame(12, "stream")), "disconnect"),
        (error(1, REFUSED, frame(12, "stream")), "disconnect"),
    ],
)
def test_what_to_do_about_a_task_that_is_not_awaited_depends_on_its_error(raised, setting):
    message = "Task exception was never retrieved"
    story = left().started().returned()
    story.add(e.LoopErrorReported, task=2, message=message, exception=raised)
    found = only(story)
    assert (found.code, found.setting) == ("WSD302", setting)
    assert "(raised at app.py:12)" in found.message


@pytest.mark.parametrize(
    "function, line, setting",
    [
        ("handler", 3, ""),
        ("Feed.on_accept", 3, "hooks"),
        ("on_accept", 3, ""),  # no method
        ("lifespan", 9, "lifespan"),
    ],
)
def test_the_remedy_for_a_task_depends_on_where_it_was_started(function, line, setting):
    source = "\n" * 6 + "@asynccontextmanager\nasync def lifespan(ws):\n    start()\n    yield\n"
    place = replace(frame(line), function=function)
    story = left().started().returned()
    story.events = [
        replace(item, stack=(place,)) if isinstance(item, e.TaskCreated) else item
        for item in story.events
    ]
    story.sampled("returned", e.TaskStack(task=2, stack=(frame(12, "stream"),)))
    story.add(e.TaskEnded, 1.0, task=2, outcome="returned")
    found = only(story, source)
    assert (found.code, found.setting) == ("WSD301", setting)
    assert found.message.endswith("nothing cancels it")
    assert "it is at app.py:12" in found.evidence

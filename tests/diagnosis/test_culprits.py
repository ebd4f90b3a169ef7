"""A library without a frame of the user's on its stack is at fault itself, and the reverse."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import CANCELLED, FRAMEWORK, KEY, Story, error, frame
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.recording import events as e


def told(recording):
    return [
        (item.code, item.fault, item.place and item.place.line)
        for cause in diagnose(recording).causes
        for item in [cause.occurrence]
    ]


def begun(story, task=2, *, parent=1, stack=(), root=None):
    return story.add(
        e.TaskCreated,
        task=task,
        name="Task",
        coroutine="job",
        parent=parent,
        stack=stack,
        root=root,
    )


def reads_again(*stack):
    """The framework itself had received the disconnect."""
    story = Story().opened().client_leaves().add(e.ReceiveCalled, call=8, task=1)
    story.add(e.ReceiveReturned, call=8, message="websocket.disconnect")
    story.add(e.ReceiveCalled, call=9, task=1, stack=stack)
    return story.returned().recording()


def two_readers(task_stack=(), read_stack=()):
    story = Story().opened()
    begun(story, stack=task_stack)
    story.add(e.ReceiveCalled, call=8, task=1)
    story.add(e.ReceiveCalled, call=9, task=2, stack=read_stack)
    return story.client_leaves().returned().recording()


def unretrieved(task_stack=(), *raised):
    story = Story().opened()
    begun(story, stack=task_stack)
    story.client_leaves().received("websocket.disconnect").returned()
    story.add(
        e.LoopErrorReported,
        message="Task exception was never retrieved",
        task=2,
        exception=error(5, KEY, FRAMEWORK, *raised),
    )
    return story.recording()


def orphan(task_stack=(), root=None, *stands):
    """A task that is alive after the grace time, and ends later."""
    story = Story().opened()
    begun(story, stack=task_stack, root=root)
    story.client_leaves().received("websocket.disconnect").returned()
    story.sampled("returned", e.TaskStack(task=2, stack=(FRAMEWORK, *stands)))
    story.add(e.TaskEnded, 5.0, task=2, outcome="returned")
    return story.recording()


@pytest.mark.parametrize(
    "recording, expected",
    [
        (reads_again(frame(5)), ("WSD104", "app", 5)),
        (reads_again(), ("WSD104", "framework", None)),
        (two_readers(task_stack=(frame(3),)), ("WSD105", "app", 3)),
        (two_readers(read_stack=(frame(12, "stream"),)), ("WSD105", "app", 1)),
        (two_readers(), ("WSD105", "framework", None)),
        (unretrieved((frame(3),)), ("WSD302", "app", 3)),
        (unretrieved((), frame(12, "stream")), ("WSD302", "app", 1)),
        (unretrieved(), ("WSD302", "framework", None)),
        (orphan((frame(3),)), ("WSD301", "app", 3)),
        (orphan((), frame(11, "stream")), ("WSD301", "app", 1)),
        (orphan((), None, frame(12, "stream")), ("WSD301", "app", 1)),
        (orphan(), ("WSD301", "framework", None)),
    ],
)
def test_who_started_it(recording, expected):
    assert told(recording) == [expected]


# --- the handler's own task, cancelled


def cancelled(by, *stack, passes=FRAMEWORK):
    story = Story().opened()
    story.add(e.CancelRequested, 1.0, task=1, by=by, stack=stack)
    raised = error(4, CANCELLED, passes)
    return story.returned(raised).logged(raised).client_leaves().recording()


def test_a_handler_that_the_users_own_code_cancels():
    recording = cancelled("app", frame(12, "stream"))
    (cause,) = diagnose(recording).causes
    occurrence = cause.occurrence
    assert (occurrence.code, occurrence.fault) == ("WSD501", "app")
    assert occurrence.place == frame(12, "stream")
    assert occurrence.message.startswith("`stream` cancels the handler's own task at app.py:12")


def test_a_handler_that_the_framework_cancels():
    assert told(cancelled("app"))[0] == ("WSD501", "framework", None)


def test_a_handler_that_the_server_cancels_has_done_nothing_wrong():
    assert told(cancelled("server")) == []


# --- hangs


def stuck(call, *, delivered=False):
    story = Story().opened()
    if call == "send":
        begun(story, stack=(frame(3),))
        story.add(e.ReceiveCalled, call=6, task=2, stack=(frame(12, "stream"),))
        story.add(e.SendCalled, call=7, task=1, message="websocket.send", stack=(frame(5),))
    elif call == "receive":
        story.add(e.ReceiveCalled, call=7, task=1, stack=(frame(5),))
    story.client_leaves().add(e.TransportLost)
    if delivered:
        story.received("websocket.disconnect")
    story.sampled("hang", e.TaskStack(task=1, stack=(frame(5),)), after=120.0)
    return story.recording()


@pytest.mark.parametrize(
    "recording, fault",
    [
        (stuck("send"), "server"),
        (stuck("receive"), "server"),
        (stuck("receive", delivered=True), "app"),
    ],
)
def test_a_server_that_never_answers_holds_the_handler(recording, fault):
    hangs = [item for item in told(recording) if item[0] == "WSD402"]
    assert [found[1] for found in hangs] == [fault]


# --- an error of the framework's on an open connection


def broke(framework, *, generator=False):
    story = Story().opened()
    if generator:
        story.add(
            e.AsyncGeneratorStarted, generator=1, function="ticks", location=frame(11, "stream")
        )
    story.answered(error(6, KEY, FRAMEWORK))
    return replace(story.returned().recording(), framework=framework)


@pytest.mark.parametrize(
    "recording, expected",
    [
        (broke("litestar"), ("app", 1)),
        (broke("litestar", generator=True), ("app", 11)),
        (broke("asgi"), ("framework", None)),
    ],
)
def test_what_the_framework_raises_on_an_open_connection_it_was_given(recording, expected):
    ((code, *found),) = told(recording)
    assert (code, tuple(found)) == ("WSD603", expected)

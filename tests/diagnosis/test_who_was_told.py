"""Code that could know that the client has left: frameworks that read for the handler, tasks, close frames."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import (
    CANCELLED,
    DISCONNECT,
    FRAMEWORK,
    REFUSED,
    RUNTIME,
    Story,
    error,
    frame,
)
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.recording import events as e

READER, HANDLER, STREAM = 7, 1, 2


def causes(story: Story) -> list[tuple[str, int | None, set[str]]]:
    return [
        (
            cause.occurrence.code,
            cause.occurrence.place and cause.occurrence.place.line,
            {symptom.code for symptom in cause.symptoms},
        )
        for cause in diagnose(story.recording()).causes
    ]


def told_elsewhere() -> Story:
    """A framework has read the disconnect in a task of its own, and ended that."""
    story = Story().opened().client_leaves()
    return story.received("websocket.disconnect", task=READER)


def sent(story: Story, *, told: bool, raised: e.ExceptionInfo) -> Story:
    story.sent("websocket.close", stack=(frame(9),), raised=raised)
    call = story.events[-2]
    assert isinstance(call, e.SendCalled)
    story.events[-2] = replace(call, told=told)
    return story.returned(raised)


@pytest.mark.parametrize("bases", [REFUSED, RUNTIME])
@pytest.mark.parametrize("told", [True, False])
def test_code_that_was_handed_the_disconnect_knows_of_it(bases, told):
    """In another task, and at once: without the message in its hands that may be a race."""
    story = sent(told_elsewhere(), told=told, raised=error(1, bases, FRAMEWORK, frame(9)))
    assert [code for code, _, _ in causes(story)] == (["WSD101"] if told else [])


def lingering(end: str) -> Story:
    """A task sends once more while the handler still waits for it."""
    refused = error(1, REFUSED, FRAMEWORK, frame(12, "stream"))
    story = Story().opened().started(STREAM).client_leaves()
    story.received("websocket.disconnect", task=READER)
    stack = e.TaskStack(task=HANDLER, stack=(frame(7),), awaits="task stream", awaited_task=STREAM)
    story.sampled("teardown", stack)
    story.sent(
        "websocket.send", task=STREAM, after=2.0, stack=(frame(12, "stream"),), raised=refused
    )
    if end == "hangs":
        return story.sampled("hang", stack, after=120.0)
    raised = error(2, DISCONNECT, FRAMEWORK, frame(7), context=refused)
    return story.returned(raised if end == "raises" else None)


@pytest.mark.parametrize(
    "end, expected",
    [
        ("returns", ("WSD401", 7, {"WSD102"})),
        ("hangs", ("WSD402", 7, {"WSD102"})),
        ("raises", ("WSD201", 7, {"WSD102", "WSD401"})),
    ],
)
def test_a_handler_that_waits_for_a_task_is_to_blame_for_what_that_sends(end, expected):
    assert causes(lingering(end)) == [expected]


def never_reads(*, answered: bool) -> Story:
    """A handler that waits for something else, and a server that stops reading at the close frame."""
    story = Story().opened().client_leaves()
    story.add(e.FrameSent, opcode="close", size=2, code=1000)
    if answered:
        story.add(e.FrameReceived, opcode="close", size=2, code=1000)
    stack = e.TaskStack(task=HANDLER, stack=(frame(5),), awaits="a future")
    story.sampled("teardown", stack)
    return story.sampled("hang", stack, after=120.0)


def test_the_end_is_known_when_the_server_has_answered_the_close_frame():
    assert causes(never_reads(answered=True)) == [("WSD204", 5, {"WSD402"})]
    assert causes(never_reads(answered=False)) == []


def test_a_handler_that_waits_for_the_end_learns_of_it_when_the_server_is_ready():
    """The client closes and keeps the transport open: uvicorn's legacy server waits ten seconds."""
    story = Story().opened().add(e.ReceiveCalled, call=50, task=HANDLER, stack=(frame(5),))
    story.client_leaves().add(e.FrameSent, opcode="close", size=2, code=1000)
    story.add(e.FrameReceived, opcode="close", size=2, code=1000)
    story.add(e.ReceiveReturned, 10.0, call=50, message="websocket.disconnect")
    assert causes(story.returned()) == []


@pytest.mark.parametrize("held", [True, False])
def test_a_send_that_the_server_holds_learns_of_the_end_when_it_is_ready(held):
    story = Story().opened().client_leaves().add(e.FrameSent, opcode="close", size=2, code=1000)
    story.add(e.FrameReceived, opcode="close", size=2, code=1000)
    refused = error(1, REFUSED, FRAMEWORK, frame(12, "stream"))
    story.add(e.SendCalled, 0.2 if held else 10.0, call=50, message="websocket.send", task=HANDLER)
    story.add(e.SendReturned, 9.8 if held else 0.0, call=50, exception=refused)
    found = [code for code, _, _ in causes(story.returned(refused))]
    assert found == ([] if held else ["WSD204"])


def test_the_servers_own_close_frame_is_no_answer():
    story = Story("oversize").opened().add(e.ClientActed, 1.0, act="oversize", disconnects=True)
    story.add(e.FrameReceived, opcode="close", size=2, code=1009)
    story.received("websocket.disconnect", after=20.0)
    assert causes(story.returned()) == []


def defies(by: str) -> Story:
    """A handler that was cancelled, and works on, for ever."""
    story = Story().opened().client_leaves().received("websocket.disconnect", task=READER)
    asked = story.now
    story.add(e.CancelRequested, task=HANDLER, by=by)
    stack = e.TaskStack(task=HANDLER, stack=(frame(5),), awaits="a future", asked_to_end=asked)
    return story.sampled("teardown", stack).sampled("hang", stack, after=120.0)


@pytest.mark.parametrize(
    "by, expected", [("app", ("WSD502", 5, set())), ("server", ("WSD402", 5, {"WSD502"}))]
)
def test_a_handler_that_its_framework_cancelled_in_vain_hangs_for_that_reason(by, expected):
    assert causes(defies(by)) == [expected]


def test_what_a_defiant_task_sends_is_no_second_cause():
    refused = error(1, REFUSED, FRAMEWORK, frame(12, "stream"))
    story = Story().opened().started(STREAM).client_leaves().received("websocket.disconnect")
    story.add(e.CancelRequested, task=STREAM, by="app")
    asked = story.now
    story.returned()
    story.sent(
        "websocket.send", task=STREAM, after=0.1, stack=(frame(12, "stream"),), raised=refused
    )
    stack = e.TaskStack(task=STREAM, stack=(frame(12, "stream"),), asked_to_end=asked)
    story.sampled("returned", stack)
    assert causes(story) == [("WSD502", 12, {"WSD102"})]


def test_litestar_says_it_once_more():
    again = error(
        1,
        DISCONNECT,
        frame(5),
        e.StackFrame(
            file="litestar/connection/websocket.py",
            line=90,
            function="WebSocket.receive_wrapper.<locals>.wrapped_receive",
            user=False,
        ),
    )
    story = Story().opened().client_leaves().received("websocket.disconnect")
    assert causes(story.returned(again)) == [("WSD104", 5, {"WSD201"})]


def test_a_framework_that_reads_on_after_the_user_has_taken_the_disconnect():
    story = Story().opened().client_leaves().received("websocket.disconnect")
    story.add(e.ReceiveCalled, call=99, task=HANDLER, stack=())
    cancelled = error(1, CANCELLED, FRAMEWORK)
    story.add(e.ReceiveReturned, call=99, message="", exception=cancelled)
    (found,) = diagnose(story.returned().recording()).causes
    assert (found.occurrence.code, found.occurrence.place) == ("WSD104", frame(5))
    assert "the framework itself reads again" in found.occurrence.message

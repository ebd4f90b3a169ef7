"""Tables of events -> causes for the rules that ``test_causes`` does not tell of, and what is no finding."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import (
    CANCELLED,
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
from wsdoctor.diagnosis.causes import causes
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.location import place_of
from wsdoctor.recording import events as e
from wsdoctor.recording.case import SendStep

HTTP_EXCEPTION = ("starlette.exceptions.HTTPException", "Exception", "BaseException")
STARLETTE_SEND = e.StackFrame(
    file="starlette/websockets.py", line=90, function="WebSocket.send", user=False
)
STARLETTE_RECEIVE = e.StackFrame(
    file="starlette/websockets.py", line=40, function="WebSocket.receive", user=False
)


def left() -> Story:
    return Story().opened().client_leaves().received("websocket.disconnect")


def codes(story: Story) -> list[str]:
    return [cause.occurrence.code for cause in diagnose(story.recording()).causes]


def only(story: Story) -> tuple[str, int | None, str]:
    """The one cause: its code, line and severity."""
    (cause,) = diagnose(story.recording()).causes
    place = cause.occurrence.place
    return cause.occurrence.code, None if place is None else place.line, cause.occurrence.severity


# --- what a correct handler may do


def test_a_handler_may_return_before_the_disconnect_reaches_it():
    story = Story().opened().sent("websocket.close", stack=(frame(9),)).returned()
    story.client_leaves().add(e.TransportLost)
    assert codes(story) == []


def test_a_handler_may_let_the_servers_oserror_pass():
    refused = error(1, REFUSED, FRAMEWORK, frame(12, "stream"))
    story = Story().opened().client_leaves()
    story.sent("websocket.send", stack=(frame(12, "stream"),), raised=refused).returned(refused)
    assert codes(story) == []


def test_a_handler_may_refuse_its_client():
    story = Story().add(e.AppCalled, path="/ws", task=1).received("websocket.connect")
    story.sent("websocket.close", stack=(frame(2),)).returned().add(e.HandshakeRefused, status=403)
    assert codes(story) == ["WSD002"]
    assert diagnose(story.recording()).result.verdict == "nothing-checked"


def test_a_handler_that_had_not_answered_when_the_server_gave_up_has_not_refused():
    """What it raises later is no reason for it."""
    story = Story().add(e.AppCalled, path="/ws", task=1)
    story.add(e.HandshakeRefused, 10.0, status=0)
    story.received("websocket.connect").sent("websocket.accept", stack=(frame(2),))
    story.returned(error(1, DISCONNECT, frame(2)))
    messages = {c.occurrence.code: c.occurrence.message for c in diagnose(story.recording()).causes}
    assert "not answered: the application had sent nothing after 10 s" in messages["WSD002"]


def test_a_denial_response_is_a_reply():
    story = Story().add(e.AppCalled, path="/ws", task=1).received("websocket.connect")
    story.sent("websocket.http.response.start").sent("websocket.http.response.body").returned()
    assert codes(story) == []


def test_a_handler_may_be_cancelled_by_the_server():
    cancelled = error(1, CANCELLED, frame(7))
    story = Story("shutdown-timeout").opened()
    story.add(e.ServerPhase, phase="exit-requested").received("websocket.disconnect")
    story.add(e.CancelRequested, task=1, by="server").returned(cancelled).logged(cancelled)
    assert codes(story) == []


def test_a_handler_may_take_the_grace_time():
    assert codes(left().returned(after=0.5)) == []
    (found,) = diagnose(left().returned(after=0.51).recording()).causes
    assert (found.occurrence.code, found.occurrence.severity) == ("WSD401", "warning")


def test_an_exception_that_is_meant_for_the_client_is_none():
    deliberate = error(1, HTTP_EXCEPTION, FRAMEWORK, frame(5))
    assert codes(Story().opened().answered(deliberate).returned().client_leaves()) == []


# --- the contract


def test_a_second_close_is_a_message_after_the_first():
    raised = error(1, RUNTIME, FRAMEWORK, frame(9))
    story = Story().opened().sent("websocket.close", stack=(frame(5),))
    story.sent("websocket.close", stack=(frame(9),), raised=raised).returned(raised).logged(raised)
    assert only(story) == ("WSD103", 9, "error")


def test_starlette_stops_the_message_and_the_fault_is_the_same():
    stopped = error(1, RUNTIME, FRAMEWORK, frame(9), STARLETTE_SEND)
    story = Story().opened().sent("websocket.close", stack=(frame(5),))
    story.returned(stopped).logged(stopped)
    assert only(story) == ("WSD103", 9, "error")


@pytest.mark.parametrize("logged", [True, False])
def test_reading_again_after_the_disconnect(logged):
    story = left().add(e.ReceiveCalled, call=90, task=1, stack=(frame(5),))
    assert only(story.returned()) == ("WSD104", 5, "warning")
    stopped = error(1, RUNTIME, FRAMEWORK, frame(5), STARLETTE_RECEIVE)
    story = left().returned(stopped)
    if logged:
        story.logged(stopped)
    assert only(story) == ("WSD104", 5, "error" if logged else "warning")


@pytest.mark.parametrize(
    "sender, task, fault",
    [("handler", 1, "app"), ("stream", 2, "framework"), ("handler", 9, "framework")],
    ids=["itself", "another task", "the handler of another client"],
)
def test_reading_on_when_a_send_was_refused_to_whom(sender, task, fault):
    """Starlette then refuses to read, with another exception than it raises at the disconnect."""
    refused = error(1, REFUSED, FRAMEWORK, frame(7, sender))
    stopped = error(2, RUNTIME, FRAMEWORK, frame(5, "handler"), STARLETTE_RECEIVE)
    story = Story().opened().started(2).client_leaves()
    story.sent("websocket.send", task=task, stack=(frame(7, sender),), raised=refused)
    story.returned(stopped).logged(stopped)
    (found,) = diagnose(story.recording()).causes
    assert (found.occurrence.code, found.occurrence.fault) == ("WSD104", fault)


@pytest.mark.parametrize("knew, fault", [(True, "app"), (False, "framework")])
def test_reading_on_when_the_refused_send_of_a_task_was_known(knew, fault):
    refused = error(1, REFUSED, FRAMEWORK, frame(12, "stream"))
    stopped = error(2, RUNTIME, FRAMEWORK, frame(5), STARLETTE_RECEIVE, knew=knew)
    story = Story().opened().started(2).client_leaves()
    story.sent("websocket.send", task=2, stack=(frame(12, "stream"),), raised=refused)
    story.returned(stopped).logged(stopped)
    (cause,) = diagnose(story.recording()).causes
    found = cause.occurrence
    assert (found.code, found.fault, found.place and found.place.line) == ("WSD104", fault, 5)


@pytest.mark.parametrize("raised, verdict", [(RUNTIME, "healthy"), (KEY, "nothing-checked")])
def test_an_error_with_a_remark_of_its_own_is_no_answer_to_a_made_up_message(raised, verdict):
    refused = error(1, REFUSED, FRAMEWORK, frame(12, "stream"))
    stack = (FRAMEWORK, frame(5), STARLETTE_RECEIVE)
    story = Story("burst").opened().started(2).received("websocket.receive")
    story.client_leaves()
    story.sent("websocket.send", task=2, stack=(frame(12, "stream"),), raised=refused)
    story.returned(error(2, raised, *stack))
    recording = replace(story.recording(), default_payload=True)
    assert diagnose(recording).result.verdict == verdict


def test_reading_by_a_task_is_on_the_line_that_starts_it():
    tap = replace(frame(1, "_Wire.receive", user=False), file="tap.py")
    story = left().add(
        e.TaskCreated, task=3, name="", coroutine="", parent=1, stack=(frame(8),), root=tap
    )
    story.add(e.ReceiveCalled, call=90, task=3, stack=())
    (found,) = diagnose(story.returned().recording()).causes
    assert (found.occurrence.code, found.occurrence.place) == ("WSD104", frame(8))
    assert "framework" not in found.occurrence.message


@pytest.mark.parametrize(
    "raised, how", [(None, "returned"), (error(1, KEY, FRAMEWORK, frame(2)), "raised KeyError")]
)
def test_no_reply_to_the_handshake(raised, how):
    story = (
        Story().add(e.AppCalled, path="/ws", task=1).received("websocket.connect").returned(raised)
    )
    (cause,) = diagnose(story.recording()).causes
    assert cause.occurrence.code == "WSD106"
    assert how in cause.occurrence.message


def test_no_reply_to_a_client_that_has_left_is_none():
    story = Story("before-accept").add(e.AppCalled, path="/ws", task=1)
    story.received("websocket.connect").client_leaves().received("websocket.disconnect").returned()
    assert codes(story) == []


def test_a_send_before_the_accept():
    story = Story().add(e.AppCalled, path="/ws", task=1).received("websocket.connect")
    story.sent("websocket.send", stack=(frame(12, "stream"),))
    story.sent("websocket.accept", stack=(frame(2),)).returned()
    assert only(story)[:2] == ("WSD106", 12)


# --- a worker that its owner has cancelled says good-bye


def cancelled_worker(raised: e.ExceptionInfo | None, *, by: str = "app") -> Story:
    """It sends once more; what comes of that is up to the test."""
    story = Story().opened().started().client_leaves().received("websocket.disconnect")
    story.add(e.CancelRequested, task=2, by=by, stack=(frame(8),))
    stack = (frame(12, "stream"),)
    return story.sent("websocket.send", task=2, stack=stack, raised=raised, told=True)


GONE = error(1, RUNTIME, FRAMEWORK, frame(12, "stream"))


def test_what_its_owner_suppresses_is_no_defect():
    ended = cancelled_worker(GONE).add(e.TaskEnded, task=2, outcome="raised", exception=GONE)
    (cause,) = diagnose(ended.returned().recording()).causes
    assert (cause.occurrence.code, cause.occurrence.severity) == ("WSD102", "info")
    assert cause.occurrence.setting == "cancelled"
    # Servers differ: to some it is nothing at all.
    assert only(cancelled_worker(None).returned()) == ("WSD102", 12, "info")


def test_what_its_owner_lets_out_or_never_retrieves_is_one():
    assert only(cancelled_worker(GONE).returned(GONE).logged(GONE)) == ("WSD102", 12, "error")
    story = cancelled_worker(GONE)
    assert only(story.returned(GONE)) == ("WSD102", 12, "warning")
    story = cancelled_worker(GONE).returned()
    story.add(
        e.LoopErrorReported, task=2, message="Task exception was never retrieved", exception=GONE
    )
    assert "WSD102" in codes(story)
    assert {cause.occurrence.severity for cause in diagnose(story.recording()).causes} != {"info"}


def test_a_task_that_the_server_cancelled_or_that_was_not_cancelled_is_another_matter():
    assert only(cancelled_worker(GONE, by="server").returned()) == ("WSD102", 12, "warning")
    story = Story().opened().started().client_leaves().received("websocket.disconnect")
    story.sent("websocket.send", task=2, stack=(frame(12, "stream"),), raised=GONE, told=True)
    assert only(story.returned()) == ("WSD102", 12, "warning")


def test_a_message_that_a_package_sends_while_it_handles_an_exception_lets_nothing_out():
    cancelled = error(3, CANCELLED, FRAMEWORK, frame(12, "stream"))
    story = Story().opened().started()
    story.sent("websocket.send", task=2, handling=cancelled, sender="framework")
    assert Connection(story.returned().recording()).escapes == ()
    story = Story().opened().sent("websocket.close", handling=cancelled, sender="framework")
    (escape,) = Connection(story.returned().recording()).escapes
    assert escape.error == cancelled


PROTOCOL = ("websockets.exceptions.ProtocolError", "Exception", "BaseException")


@pytest.mark.parametrize(
    "close",
    [{"code": 1005}, {"reason_size": 124}, {"mistyped": "the code is of type str"}],
    ids=str,
)
@pytest.mark.parametrize("left_before", [False, True])
def test_a_close_that_must_not_be_sent_is_the_applications_error(close, left_before):
    raised = error(1, PROTOCOL, FRAMEWORK, frame(5))
    story = Story().opened()
    if left_before:
        story.client_leaves()  # and the application does not know of it
    story.sent("websocket.close", stack=(frame(5),), raised=raised, **close)
    assert only(story.returned(raised).logged(raised)) == ("WSD107", 5, "error")


def test_a_server_may_send_something_else_in_its_place():
    story = Story().opened().sent("websocket.close", stack=(frame(5),), code=1006).returned()
    assert only(story) == ("WSD107", 5, "warning")
    # That it takes None for "no code" is no error.
    story = Story().opened().sent("websocket.close", mistyped="the code is of type None")
    assert codes(story.returned()) == []


def test_what_is_said_of_a_client_that_has_left_or_was_refused_is_not_sent():
    raised = error(1, REFUSED, FRAMEWORK, frame(5))
    story = Story().opened().client_leaves()
    assert codes(story.sent("websocket.close", code=1005, raised=raised).returned()) == []
    story = Story().add(e.AppCalled, path="/ws", task=1).received("websocket.connect")
    assert codes(story.sent("websocket.close", code=1005).returned()) == []


def test_a_server_that_refused_the_close_takes_another_one():
    raised = error(1, PROTOCOL, FRAMEWORK, frame(5))
    story = Story().opened().sent("websocket.close", stack=(frame(5),), code=1005, raised=raised)
    story.sent("websocket.close", stack=(frame(9),), code=1011).returned()
    assert only(story) == ("WSD107", 5, "warning")


def test_the_exception_that_a_framework_closes_with_is_the_users():
    deliberate = error(1, HTTP_EXCEPTION, FRAMEWORK, frame(5))
    raised = error(2, PROTOCOL, FRAMEWORK, context=deliberate)
    story = Story().opened()
    story.sent(
        "websocket.close",
        handling=deliberate,
        sender="framework",
        raised=raised,
        reason_size=200,
    )
    assert only(story.returned(raised).logged(raised)) == ("WSD107", 5, "error")


def test_a_code_that_the_framework_chose_is_the_frameworks():
    story = Story().opened().sent("websocket.close", sender="framework", code=1005).returned()
    (cause,) = diagnose(story.recording()).causes
    assert (cause.occurrence.code, cause.occurrence.fault) == ("WSD107", "framework")
    assert cause.occurrence.severity == "info"


def test_two_reads_of_one_task_are_no_two_readers():
    """A cancelled read, and then another: the first one has ended."""
    story = Story().opened()
    story.add(e.ReceiveCalled, call=50, task=1, stack=(frame(5),))
    story.add(e.ReceiveReturned, call=50, message="", exception=error(1, CANCELLED))
    story.add(e.ReceiveCalled, call=51, task=2, stack=(frame(12, "stream"),))
    story.client_leaves().add(e.ReceiveReturned, call=51, message="websocket.disconnect").returned()
    assert codes(story) == []


# --- handled wrongly


def test_awaiting_a_task_after_cancelling_it_is_said():
    source = "async def handler(ws):\n    await ws.accept()\n    task.cancel()\n    await task\n"
    cancelled = error(1, CANCELLED, FRAMEWORK, frame(4))
    recording = replace(
        left().returned(cancelled).logged(cancelled).recording(), sources={"app.py": source}
    )
    (cause,) = diagnose(recording).causes
    assert cause.occurrence.code == "WSD501"
    assert "after cancelling it" in cause.occurrence.message
    assert "`task`" in cause.occurrence.message


def test_awaiting_a_task_before_cancelling_it_is_said():
    gone = error(1, DISCONNECT, FRAMEWORK, frame(7), frame(12, "stream"))
    (cause,) = diagnose(left().started().returned(gone).recording()).causes
    assert cause.occurrence.code == "WSD201"
    assert "awaits `task`" in cause.occurrence.message
    assert "before it cancels it" in cause.occurrence.message
    assert any("app.py:12" in line for line in cause.occurrence.evidence), "where it was raised"


@pytest.mark.parametrize("entered_at", [None, frame(5)], ids=["framework", "user"])
def test_a_yield_that_nothing_guards_is_said_where_a_framework_entered_it(entered_at):
    """One that a line of the user's has entered would be in the traceback with that line."""
    source = "@asynccontextmanager\nasync def lifespan(ws):\n    await ws.accept()\n    yield\n    stop()\n"
    place = e.StackFrame(file="app.py", line=4, function="lifespan", user=True, first_line=1)
    gone = error(1, DISCONNECT, FRAMEWORK)  # contextlib took the frame out of the traceback
    story = Story().opened()
    story.add(e.AsyncGeneratorStarted, generator=1, function="lifespan", entered_at=entered_at)
    story.client_leaves().received("websocket.disconnect")
    story.add(e.AsyncGeneratorSuspended, generator=1, task=1, location=place).returned(gone)
    (cause,) = diagnose(replace(story.recording(), sources={"app.py": source})).causes
    assert cause.occurrence.code == "WSD201"
    said = "is not inside `except WebSocketDisconnect`" in cause.occurrence.message
    if entered_at is None:
        assert (cause.occurrence.place, cause.occurrence.fault, said) == (place, "app", True)
    else:
        assert (cause.occurrence.place, cause.occurrence.fault, said) == (None, "framework", False)


@pytest.mark.parametrize(
    "kind, expected", [(DISCONNECT, ["WSD202"]), (REFUSED, ["WSD202"]), (KEY, [])]
)
def test_what_a_group_must_hold(kind, expected):
    inside = error(1, kind, frame(12, "stream"))
    story = Story().opened().client_leaves()
    if kind is REFUSED:
        story.sent("websocket.send", stack=(frame(12, "stream"),), raised=inside)
    story.received("websocket.disconnect")
    group = error(2, GROUP, FRAMEWORK, frame(5), members=(inside,))
    assert [code for code in codes(story.returned(group)) if code == "WSD202"] == expected


def test_a_disconnect_deep_in_nested_groups_is_found():
    inner = error(2, GROUP, members=(error(1, DISCONNECT, frame(12, "stream")),))
    outer = error(3, GROUP, FRAMEWORK, frame(5), members=(error(4, CANCELLED), inner))
    assert "WSD202" in codes(left().returned(outer))


def test_the_handler_does_not_listen_and_a_later_send_finds_out():
    refused = error(1, REFUSED)
    story = Story().opened().client_leaves().add(e.TransportLost)
    story.sampled("teardown", e.TaskStack(task=1, stack=(frame(5),)))
    story.sent("websocket.send", after=2.0, stack=(frame(12, "stream"),), raised=refused)
    assert only(story.returned()) == ("WSD204", 5, "warning")


def test_one_who_listens_is_not_deaf():
    refused = error(1, REFUSED)
    story = Story().opened().add(e.ReceiveCalled, call=60, task=2, stack=(frame(5),))
    story.client_leaves().add(e.TransportLost)
    story.add(e.ReceiveReturned, call=60, message="websocket.disconnect")
    story.sent("websocket.send", after=2.0, stack=(frame(12, "stream"),), raised=refused)
    assert "WSD204" not in codes(story.returned())


@pytest.mark.parametrize(
    "samples, expected",
    [
        ([("handler", 5), ("handler", 5), ("handler", 5)], ["WSD404"]),
        ([("handler", 5), ("handler", 7)], ["WSD404"]),  # a loop in one function
        ([("handler", 5)], []),
        ([("handler", 5), ("stream", 12)], []),
        ([], []),
    ],
)
def test_a_held_loop_needs_samples_of_one_function(samples, expected):
    stacks = tuple((FRAMEWORK, frame(line, function)) for function, line in samples)
    story = Story().opened().add(e.WorkerLost, returncode=None, samples=stacks)
    assert codes(story) == expected


def test_a_held_loop_explains_everything_else():
    gone = error(1, DISCONNECT, FRAMEWORK, frame(5))
    story = left().answered(gone)
    stacks = ((FRAMEWORK, frame(7)),) * 3
    story.add(e.WorkerLost, returncode=None, samples=stacks)
    (cause,) = diagnose(story.recording()).causes
    assert cause.occurrence.code == "WSD404"
    assert {symptom.code for symptom in cause.symptoms} == {"WSD101", "WSD201"}


# --- what was left, and what is missing


def test_a_task_of_an_orphan_is_not_a_second_cause():
    story = left().started(2)
    story.add(
        e.TaskCreated,
        task=3,
        name="Task",
        coroutine="child",
        parent=2,
        stack=(frame(12, "stream"),),
    )
    story.returned()
    story.sampled("returned", e.TaskStack(task=2, stack=()), e.TaskStack(task=3, stack=()))
    story.add(e.TaskEnded, 2.0, task=3, outcome="returned").add(
        e.TaskEnded, task=2, outcome="returned"
    )
    assert only(story) == ("WSD301", 3, "info")


def test_many_tasks_of_one_line_are_one_cause():
    story = left()
    for task in (2, 3, 4):
        story.started(task)
    story.returned().sampled("returned", *(e.TaskStack(task=task, stack=()) for task in (2, 3, 4)))
    for task in (2, 3, 4):
        story.add(e.TaskEnded, 1.0, task=task, outcome="returned")
    assert only(story) == ("WSD301", 3, "info")


def test_an_unseen_failure_of_a_task_that_ended_in_time():
    broken = error(1, KEY, frame(12, "stream"))
    story = left().started().add(e.TaskEnded, task=2, outcome="raised", exception=broken).returned()
    story.add(
        e.LoopErrorReported, message="Task exception was never retrieved", task=2, exception=broken
    )
    assert only(story) == ("WSD302", 3, "error")


def test_a_moment_that_was_not_reached_says_why():
    broken = error(1, KEY, FRAMEWORK, frame(5))
    story = Story().opened().returned(broken)
    story.add(e.ScriptStopped, waiting_for="message 2 (the connection ended first)")
    found = diagnose(story.recording())
    unreached = next(c.occurrence for c in found.causes if c.occurrence.code == "WSD003")
    assert unreached.severity == "info"
    assert "message 2" in unreached.message
    assert "KeyError" in unreached.message


def test_the_line_is_the_innermost_of_the_users_in_the_handlers_own_task():
    """Frames of a task that it awaited lie further inside the same traceback."""
    story = left().started()
    connection = Connection(story.recording())
    task = frame(12, "stream")
    for stack, line in [
        ((FRAMEWORK, frame(5), frame(7)), 7),
        ((FRAMEWORK, frame(7), FRAMEWORK, task), 7),
        ((FRAMEWORK, task), 12),
        ((frame(5), FRAMEWORK), 5),
    ]:
        place = place_of(connection, error(1, DISCONNECT, *stack))
        assert place is not None
        assert place.line == line
    cause = error(2, KEY, frame(9))
    place = place_of(connection, error(1, DISCONNECT, FRAMEWORK, cause=cause))
    assert place is not None
    assert place.line == 9
    assert place_of(connection, error(1, DISCONNECT, FRAMEWORK)) is None


# --- tasks that are thrown away

DESTROYED = "Task was destroyed but it is pending!"


def test_a_task_that_is_thrown_away_before_it_has_ended():
    story = left().started().returned().add(e.LoopErrorReported, message=DESTROYED, task=2)
    assert only(story) == ("WSD303", 3, "error")


def test_a_task_that_is_thrown_away_is_no_orphan():
    """It is still there when the grace time has passed, and no code would ever have ended it."""
    story = left().started().returned().sampled("returned", e.TaskStack(task=2, stack=()))
    story.add(e.LoopErrorReported, message=DESTROYED, task=2)
    assert only(story) == ("WSD303", 3, "error")


def test_what_was_thrown_away_with_its_parent_is_not_a_second_cause():
    story = left().started()
    story.add(
        e.TaskCreated,
        task=3,
        name="Task",
        coroutine="child",
        parent=2,
        stack=(frame(12, "stream"),),
    )
    story.returned().add(e.LoopErrorReported, message=DESTROYED, task=3)
    story.add(e.LoopErrorReported, message=DESTROYED, task=2)
    assert only(story) == ("WSD303", 3, "error")


def test_a_task_of_the_frameworks_that_is_thrown_away_is_reported():
    story = left().add(e.TaskCreated, task=2, name="Task", coroutine="pump", parent=1)
    story.returned().add(e.LoopErrorReported, message=DESTROYED, task=2)
    assert only(story) == ("WSD303", 1, "info")


def test_what_is_thrown_away_by_our_own_teardown_is_none():
    story = left().started().returned().add(e.ObservationEnded)
    assert codes(story.add(e.LoopErrorReported, message=DESTROYED, task=2)) == []


# --- generators that are left

GENERATORS = """\
async def handler(ws):
    async for text in feed(ws):
        await ws.send(text)


async def feed(ws):
    try:
        yield "tick"
    finally:
        yield "never"
    with suppress(KeyError):
        yield "tock"
    yield "plain"
    async with lock:
        yield "locked"
"""


def abandoned(line: int, *, iterated: bool = True, entered: bool = False, task: int = 1) -> Story:
    """A generator that is suspended at ``line`` of GENERATORS, without a reference."""
    story = Story().opened()
    story.add(
        e.AsyncGeneratorStarted,
        generator=1,
        function="feed",
        task=task,
        iterated_at=frame(2) if iterated else None,
        entered_at=frame(2) if entered else None,
    )
    story.client_leaves().received("websocket.disconnect")
    story.add(
        e.AsyncGeneratorFinalized,
        generator=1,
        function="feed",
        location=e.StackFrame(file="app.py", line=line, function="feed", user=True, first_line=6),
    )
    return story.returned()


def told_of(story: Story) -> list[tuple[str, int | None, str]]:
    recording = replace(story.recording(), sources={"app.py": GENERATORS})
    return [
        (
            cause.occurrence.code,
            cause.occurrence.place.line if cause.occurrence.place else None,
            cause.occurrence.severity,
        )
        for cause in diagnose(recording).causes
    ]


@pytest.mark.parametrize(
    "line, owes", [(8, True), (10, False), (12, False), (13, False), (15, True)]
)
def test_a_generator_that_is_left_before_its_clean_up(line, owes):
    assert told_of(abandoned(line)) == [("WSD304", 2, "warning")] * owes


def test_a_generator_that_a_framework_iterates_is_the_frameworks():
    assert told_of(abandoned(8, iterated=False)) == []


@pytest.mark.parametrize("line, owes", [(8, True), (10, False), (15, True)])
def test_a_context_manager_that_is_entered_and_never_left(line, owes):
    story = abandoned(line, iterated=False, entered=True)
    assert told_of(story) == [("WSD304", 2, "warning")] * owes


def test_a_generator_that_was_thrown_away_with_its_task():
    story = abandoned(8, task=2).started()
    story.add(e.LoopErrorReported, message=DESTROYED, task=2)
    assert [code for code, *_ in told_of(story)] == ["WSD303"]


def test_a_generator_that_is_left_together_with_the_one_that_iterates_it():
    """Closed or not within that one: the code that left the outer one left both."""
    story = abandoned(8)
    story.add(e.AsyncGeneratorFinalized, generator=2, function="handler", location=frame(3))
    assert told_of(story) == []


# --- what a context manager has after its `yield`

MANAGERS = """\
async def bare(ws):
    acquire()
    yield
    release()


async def guarded(ws):
    try:
        yield
    finally:
        release()
    log()


async def empty(ws):
    acquire()
    yield
    return


async def values(ws):
    yield 1
    yield 2
    release()


async def endless(ws):
    while True:
        yield
    release()


async def chosen(ws):
    if ws:
        acquire()
        number = yield
    release()


async def within(ws):
    async with session():
        yield
        commit()
"""


def managed(
    line: int, raised: e.ExceptionInfo | None = None, iterated_at: e.StackFrame | None = None
) -> Story:
    """A generator that ended at ``line`` of MANAGERS."""
    story = Story().opened()
    story.add(e.AsyncGeneratorStarted, generator=1, function="it", iterated_at=iterated_at)
    story.client_leaves()
    if raised is not None and "OSError" in raised.bases:
        story.sent("websocket.send", stack=(frame(3),), raised=raised)
    story.received("websocket.disconnect").returned(raised)
    place = e.StackFrame(file="app.py", line=line, function="it", user=True, first_line=1)
    return story.add(e.AsyncGeneratorEnded, generator=1, location=place)


def skipped(story: Story) -> list[tuple[str, int | None, set[str]]]:
    recording = replace(story.recording(), sources={"app.py": MANAGERS})
    return [
        (
            cause.occurrence.code,
            cause.occurrence.place.line if cause.occurrence.place else None,
            {symptom.code for symptom in cause.symptoms},
        )
        for cause in diagnose(recording).causes
    ]


@pytest.mark.parametrize(
    "line, expected",
    [
        *((line, True) for line in (3, 36)),
        *((line, False) for line in (4, 9, 17, 22, 23, 29, 37, 42, 43)),
    ],
)
def test_clean_up_that_nothing_guards(line, expected):
    assert skipped(managed(line)) == [("WSD205", line, set())] * expected


def test_a_generator_that_the_user_iterates_may_be_left_at_any_yield():
    assert skipped(managed(3, iterated_at=frame(2))) == []


def test_what_skips_the_clean_up_is_the_cause_if_it_is_a_fault_itself():
    gone = error(1, DISCONNECT, FRAMEWORK, frame(5))
    assert skipped(managed(3, gone)) == [("WSD201", 5, {"WSD205"})]
    race = error(1, REFUSED, FRAMEWORK, frame(5))
    assert skipped(managed(3, race)) == [("WSD205", 3, set())]


# --- tasks that do not let themselves be ended

STUBBORN = """\
async def handler(ws):
    await ws.accept()
    start(stream(ws))
    await serve(ws)
    await done()





async def stream(ws):
    while True:
        try:
            await work()
        except BaseException:
            await note()
        finally:
            await close()
        await pause()
"""


def stubborn(line: int, *, by: str = "app", after: float = 0.5, answered: bool = False) -> Story:
    """A task that was cancelled, and stands at ``line`` of STUBBORN later."""
    story = left().started().add(e.CancelRequested, task=2, by=by)
    asked = None if answered else story.now
    stack = e.TaskStack(task=2, stack=(frame(line, "stream"),), asked_to_end=asked)
    story.returned().sampled("returned", stack, after=after)
    return story.add(e.TaskEnded, 1.0, task=2, outcome="returned")


def swallowed(story: Story) -> list[tuple[str, int | None]]:
    recording = replace(story.recording(), sources={"app.py": STUBBORN})
    return [
        (cause.occurrence.code, cause.occurrence.place and cause.occurrence.place.line)
        for cause in diagnose(recording).causes
    ]


@pytest.mark.parametrize(
    "story, code",
    [
        (stubborn(14), "WSD502"),
        (stubborn(19), "WSD502"),
        (stubborn(16), "WSD502"),  # in its `except`, after which the loop goes on
        (stubborn(18), "WSD301"),  # in its `finally`
        (stubborn(14, answered=True), "WSD301"),  # a time-out that was taken back
        (stubborn(14, by="harness"), "WSD301"),
        (stubborn(14, after=0.4), "WSD301"),
    ],
)
def test_a_task_that_goes_on_after_it_was_cancelled(story, code):
    assert swallowed(story) == [(code, 15 if code == "WSD502" else 3)]


def never_ends(line: int, *, destroyed: bool) -> Story:
    """The same task, which is not seen to end: it is left behind, or the collector finds it."""
    story = stubborn(line)
    del story.events[-1]
    if destroyed:
        message = "Task was destroyed but it is pending!"
        story.add(e.LoopErrorReported, 100.0, task=2, message=message)
    return story


@pytest.mark.parametrize(
    "line, expected",
    [
        (16, ("WSD502", 15, ("WSD303",))),  # its `except` has swallowed it, and it has not ended
        (18, ("WSD303", 3, ())),  # in its `finally`: it was about to end
    ],
)
def test_why_a_task_that_was_cancelled_is_thrown_away(line, expected):
    recording = replace(never_ends(line, destroyed=True).recording(), sources={"app.py": STUBBORN})
    (cause,) = diagnose(recording).causes
    found = cause.occurrence
    assert (found.code, found.place and found.place.line, found.symptoms) == expected


WAIT = e.StackFrame(file="asyncio/tasks.py", line=400, function="wait", user=False)
EVENT = e.StackFrame(file="asyncio/locks.py", line=200, function="Event.wait", user=False)


@pytest.mark.parametrize(
    "waits, awaited, expected",
    [
        (WAIT, 0, ("WSD502", 15, ("WSD402",))),
        (EVENT, 2, ("WSD502", 15, ("WSD402",))),
        (EVENT, 0, ("WSD402", 4, ())),  # for something else: the task is not what it hangs on
    ],
)
def test_a_handler_that_waits_for_a_task_that_will_not_end(waits, awaited, expected):
    story = left().started().add(e.CancelRequested, task=2, by="app", stack=(frame(4),))
    stack = e.TaskStack(task=2, stack=(frame(14, "stream"),), asked_to_end=story.now)
    handler = e.TaskStack(task=1, stack=(frame(4), waits), awaited_task=awaited)
    recording = story.sampled("hang", handler, stack, after=120.0).recording()
    (cause,) = diagnose(replace(recording, sources={"app.py": STUBBORN})).causes
    found = cause.occurrence
    assert (found.code, found.place and found.place.line, found.symptoms) == expected


# --- what the client said


def discarded(*, asked: bool = True, warned: bool = True, reads: bool = True, left: bool = False):
    """A task of the framework's reads a message, and the handler reads later."""
    story = Story().opened().started()
    if left:
        story.client_leaves()
    story.add(e.ReceiveCalled, call=50, task=2).add(
        e.ReceiveReturned, call=50, message="websocket.receive"
    )
    if warned:
        story.add(
            e.WarningIssued, category="LitestarWarning", message="", file="framework.py", line=1
        )
        story.events[-1] = replace(story.events[-1], step=story.events[-2].step)
    if not left:
        story.client_leaves()
    if reads:
        story.received("websocket.disconnect")
    recording = story.returned().recording()
    script = (SendStep(text="hello"),) if asked else ()
    return replace(recording, case=replace(recording.case, script=script))


def test_a_message_that_the_framework_discards_though_the_handler_reads():
    (cause,) = diagnose(discarded()).causes
    assert (cause.occurrence.code, cause.occurrence.severity) == ("WSD601", "error")
    assert cause.occurrence.place == frame(3)


@pytest.mark.parametrize(
    "but", [{"asked": False}, {"warned": False}, {"reads": False}, {"left": True}], ids=str
)
def test_a_message_that_no_client_misses_is_no_finding(but):
    assert not diagnose(discarded(**but)).causes


def test_where_a_late_handler_was_is_seen_when_it_could_know():
    """The client's close frame was answered, and ten seconds later the transport is gone."""
    reading, tidying = (e.TaskStack(task=1, stack=(frame(n),)) for n in (5, 7))
    story = Story().opened().client_leaves().sampled("teardown", reading)
    story.add(e.TransportLost, 10.0).sampled("teardown", tidying).returned(after=4.0)
    (cause,) = diagnose(story.recording()).causes
    assert (cause.occurrence.code, cause.occurrence.place) == ("WSD401", frame(7))


@pytest.mark.parametrize("before, codes", [(0.0, []), (1.0, ["WSD203"])])
def test_a_task_that_fails_in_the_instant_of_the_disconnect_is_no_clean_up(before, codes):
    broken = error(1, KEY, FRAMEWORK, frame(13, "stream"))
    story = Story().opened().started().client_leaves()
    story.add(e.TaskEnded, task=2, outcome="raised", exception=broken)
    story.received("websocket.disconnect", after=before).returned(broken).logged(broken)
    assert [cause.occurrence.code for cause in diagnose(story.recording()).causes] == codes


@pytest.mark.parametrize("asks, codes", [(True, []), (False, ["WSD401"])])
def test_who_waits_in_receive_is_not_late_until_the_server_tells(asks, codes):
    """After the closing handshake uvicorn's `websockets` waits for the end of the transport, and tells then."""
    story = Story().opened()
    if asks:
        story.add(e.ReceiveCalled, call=50, task=1, stack=(frame(5),))
    story.client_leaves()
    story.add(e.FrameSent, opcode="close", size=2, code=1000)
    story.add(e.FrameReceived, opcode="close", size=2, code=1000)
    story.sampled("teardown", e.TaskStack(task=1, stack=(frame(5),)))
    story.add(e.TransportLost, 9.5)
    if asks:
        story.add(e.ReceiveReturned, call=50, message="websocket.disconnect")
    else:
        story.received("websocket.disconnect")
    story.returned()
    found = [cause.occurrence.code for cause in causes(Connection(story.recording()))]
    assert found == codes

"""Tables of events -> causes: which rule, which line, which symptoms, whose fault."""

from __future__ import annotations

import msgspec
import pytest

from tests.diagnosis.story import (
    CANCELLED,
    DISCONNECT,
    FRAMEWORK,
    GROUP,
    KEY,
    REFUSED,
    RUNTIME,
    SOURCE,
    Story,
    error,
    frame,
)
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.findings import findings, verdict
from wsdoctor.recording import events as e
from wsdoctor.recording.recording import Recording


def told(story: Story) -> list[tuple[str, int | None, str, str, set[str]]]:
    """(code, line, severity, fault, symptoms) of each cause."""
    return [
        (
            cause.occurrence.code,
            cause.occurrence.place.line if cause.occurrence.place else None,
            cause.occurrence.severity,
            cause.occurrence.fault,
            {symptom.code for symptom in cause.symptoms},
        )
        for cause in diagnose(story.recording()).causes
    ]


def left() -> Story:
    return Story().opened().client_leaves().received("websocket.disconnect")


def test_a_clean_end_is_nothing():
    assert told(left().returned()) == []


def test_naive_is_one_cause_on_the_await_line_with_its_symptoms():
    first = error(1, DISCONNECT, frame(5))
    second = error(2, DISCONNECT, FRAMEWORK, frame(7), frame(12, "stream"), context=first)
    answer = error(3, RUNTIME, context=second)
    story = left()
    story.started().sampled("teardown", e.TaskStack(task=1, stack=(frame(7),)))
    story.now += 1.5
    story.answered(second, answer).returned(answer).logged(answer)
    assert told(story) == [("WSD201", 7, "error", "app", {"WSD101", "WSD401"})]


def test_masked_is_a_warning():
    gone = error(1, DISCONNECT, FRAMEWORK, frame(5))
    refused = error(2, REFUSED, context=gone)
    assert told(left().answered(gone, refused).returned(refused)) == [
        ("WSD201", 5, "warning", "app", {"WSD101"})
    ]


def test_without_a_frame_of_the_users_it_is_the_frameworks_and_only_told():
    gone = error(1, DISCONNECT, FRAMEWORK)
    (found,) = told(left().answered(gone).returned())
    assert found[:4] == ("WSD201", None, "info", "framework")


def test_a_send_that_races_the_disconnect_is_allowed():
    refused = error(1, REFUSED)
    story = Story().opened().client_leaves()
    story.sent("websocket.send", task=2, stack=(frame(12, "stream"),), raised=refused)
    story.received("websocket.disconnect").returned()
    assert told(story) == []


def test_a_send_of_another_task_in_the_same_instant_is_a_race():
    story = left().sent("websocket.send", task=2, stack=(frame(12, "stream"),))
    assert told(story.returned()) == []


@pytest.mark.parametrize("task, after", [(1, 0.0), (2, 1.0)])
def test_a_send_by_one_who_knows_is_not(task, after):
    story = left().sent("websocket.send", task=task, after=after, stack=(frame(12, "stream"),))
    assert told(story.returned())[0][:2] == ("WSD102", 12)


def test_the_users_close_in_finally_is_the_cause_of_what_it_raises():
    raised = error(1, RUNTIME, FRAMEWORK)
    escaped = error(2, DISCONNECT, FRAMEWORK, frame(9), context=raised)
    story = left().sent("websocket.close", stack=(frame(9),), raised=raised)
    story.returned(escaped).logged(escaped)
    assert told(story) == [("WSD101", 9, "error", "app", {"WSD201"})]


@pytest.mark.parametrize("by, expected", [("app", ["WSD501"]), ("server", []), ("harness", [])])
def test_cancelled_error_counts_unless_the_cancel_came_from_outside(by, expected):
    cancelled = error(1, CANCELLED, frame(7))
    story = left().add(e.CancelRequested, task=1, by=by).returned(cancelled).logged(cancelled)
    assert [found[0] for found in told(story)] == expected


def test_a_group_with_the_disconnect_inside():
    inside = error(1, DISCONNECT, frame(12, "stream"))
    group = error(2, GROUP, FRAMEWORK, frame(5), members=(inside,))
    assert told(left().answered(group).returned()) == [("WSD202", 5, "warning", "app", {"WSD101"})]


def test_another_error_while_the_disconnect_is_handled():
    gone = error(1, DISCONNECT, frame(5))
    broken = error(2, KEY, frame(7), context=gone)
    (found,) = told(left().returned(broken).logged(broken))
    assert found[:3] == ("WSD203", 7, "error")


def swallowed(*messages: str, by: int = 1) -> Story:
    """Task ``by`` caught what its refused send raised; the handler fails after that, and not over it."""
    story = Story().opened().started()
    for message in messages:
        story.received(message)
    story.client_leaves().sent("websocket.send", task=by, raised=error(1, REFUSED, frame(7)))
    return story.returned(broken := error(2, KEY, frame(7))).logged(broken)


@pytest.mark.parametrize("by, expected", [(1, ["WSD203"]), (2, [])])
def test_a_handler_that_fails_when_it_has_taken_a_refused_send(by, expected):
    assert [found[0] for found in told(swallowed(by=by))] == expected


@pytest.mark.parametrize(
    "messages, expected", [(1, ("nothing-checked", [])), (2, ("defective", ["WSD203"]))]
)
def test_it_fails_over_the_refused_send_once_it_has_understood_a_message(messages, expected):
    recording = swallowed(*["websocket.receive"] * messages).recording()
    found = diagnose(msgspec.structs.replace(recording, default_payload=True))
    assert (found.result.verdict, [c.occurrence.code for c in found.causes]) == expected


@pytest.mark.parametrize("logged, expected", [(False, ["WSD603"]), (True, [])])
def test_an_error_that_the_framework_hides(logged, expected):
    broken = error(1, KEY, FRAMEWORK, frame(5))
    story = Story().opened()
    if logged:
        story.logged(broken)
    story.answered(broken).returned().client_leaves()
    assert [found[0] for found in told(story)] == expected


def breakdown(story: Story | None = None) -> Story:
    """The handler raises, and the server logs it."""
    broken = error(1, KEY, FRAMEWORK, frame(5))
    story = story or Story().opened().add(e.HandshakeAccepted)
    return story.returned(broken).logged(broken)


@pytest.mark.parametrize(
    "code, expected", [(1011, ["WSD602"]), (4500, ["WSD602"]), (1000, []), (None, ["WSD602"])]
)
def test_a_close_code_that_only_the_handlers_breakdown_explains(code, expected):
    story = breakdown()
    if code is not None:
        story.add(e.FrameReceived, opcode="close", size=2, code=code)
    story.add(e.ClientEnded, code=code or 1006)
    assert [found[0] for found in told(story)] == expected


def test_the_moment_that_did_not_come_is_its_symptom():
    story = breakdown().add(e.ClientEnded, code=1006)
    story.add(e.ScriptStopped, waiting_for="1 message (it ended first)")
    assert told(story) == [("WSD602", 5, "error", "app", {"WSD003"})]


def test_it_is_a_breakdown_though_the_client_leaves_before_it_sees_the_code():
    assert [found[0] for found in told(breakdown().client_leaves())] == ["WSD602"]


@pytest.mark.parametrize("kind", ["abort", "close"])
def test_an_end_that_the_client_began_is_explained(kind):
    story = Story().opened().add(e.HandshakeAccepted)
    story.add(e.ClientActed, act=kind, disconnects=True)
    if kind == "close":
        story.add(e.FrameSent, opcode="close", size=2, code=4000)
    story = breakdown(story)
    if kind == "close":
        story.add(e.FrameReceived, opcode="close", size=2, code=4000)
    assert told(story.add(e.ClientEnded, code=1006)) == []


def test_a_code_that_the_application_sends_is_its_message():
    story = Story().opened().add(e.HandshakeAccepted).sent("websocket.close", stack=(frame(9),))
    story.add(e.FrameReceived, opcode="close", size=2, code=4400)
    assert told(story.returned().add(e.ClientEnded, code=4400)) == []


def test_a_hidden_error_explains_the_code_that_hides_it():
    broken = error(1, KEY, FRAMEWORK, frame(5))
    story = Story().opened().add(e.HandshakeAccepted).answered(broken).returned()
    story.add(e.FrameReceived, opcode="close", size=2, code=4500).add(e.ClientEnded, code=4500)
    assert told(story) == [("WSD603", 5, "error", "app", {"WSD602"})]


def test_no_task_waits_for_the_end_of_a_connection_that_is_over_on_whichever_clock():
    """On a virtual clock the two may fall on the same instant: their order decides."""
    broken = error(1, KEY, FRAMEWORK, frame(5))
    story = Story().opened().client_leaves().add(e.TransportLost)
    assert told(story.answered(broken).returned()) == []


def test_two_readers_explain_everything_else():
    story = Story().opened().started()
    story.add(e.ReceiveCalled, call=50, task=1, stack=(frame(5),))
    story.add(e.ReceiveCalled, call=51, task=2, stack=(frame(12, "stream"),))
    broken = error(1, RUNTIME, FRAMEWORK, frame(12, "stream"))
    story.add(e.ReceiveReturned, call=51, message="", exception=broken)
    story.answered(broken).returned()
    assert [found[0] for found in told(story)] == ["WSD105"]


@pytest.mark.parametrize(
    "ended, again, expected",
    [
        (2.0, False, [("WSD301", 3, "info")]),  # by itself: a heartbeat, a reconnect grace
        (None, True, [("WSD301", 3, "error")]),  # one more with every connection
        (None, False, []),  # the application's own, started by the first client
    ],
)
def test_a_task_that_outlives_its_connection(ended, again, expected):
    story = left().started().returned()
    story.sampled("returned", e.TaskStack(task=2, stack=(frame(12, "stream"),)))
    if ended is not None:
        story.add(e.TaskEnded, ended, task=2, outcome="returned")
    if again:
        story.add(
            e.TaskCreated,
            connection=2,
            task=9,
            name="Task",
            coroutine="stream",
            parent=8,
            stack=(frame(3),),
        )
        story.add(
            e.StacksSampled,
            connection=2,
            reason="returned",
            stacks=(e.TaskStack(task=9, stack=(frame(12, "stream"),)),),
        )
    assert [found[:3] for found in told(story)] == expected


def test_an_orphan_that_fails_unseen_is_one_cause():
    gone = error(1, DISCONNECT, frame(12, "stream"))
    story = left().started().returned()
    story.sampled("returned", e.TaskStack(task=2, stack=(frame(12, "stream"),)))
    story.add(e.TaskEnded, 1.0, task=2, outcome="raised", exception=gone)
    story.add(
        e.LoopErrorReported,
        message="Task exception was never retrieved",
        task=2,
        exception=gone,
    )
    assert [(found[0], found[2], found[4]) for found in told(story)] == [
        ("WSD301", "error", {"WSD302"})
    ]


@pytest.mark.parametrize("kind, code", [("close", "WSD402"), ("shutdown", "WSD403")])
def test_a_handler_that_never_returns(kind, code):
    story = Story(kind).opened()
    if kind == "shutdown":
        story.add(e.ServerPhase, phase="exit-requested")
    else:
        story.client_leaves()
    story.received("websocket.disconnect")
    story.sampled("hang", e.TaskStack(task=1, stack=(frame(7),)), after=120.0)
    assert [found[:3] for found in told(story)] == [(code, 7, "error")]


def test_markers_tell_what_happened_and_what_was_logged():
    gone = error(1, DISCONNECT, FRAMEWORK, frame(5))
    answer = error(2, RUNTIME, context=gone)
    masked = diagnose(left().answered(gone, answer).returned(answer).recording()).result.markers
    logged = left().answered(gone, answer).returned(answer).logged(answer)
    marks = diagnose(logged.recording()).result.markers
    assert (masked.websocket_disconnect, masked.unexpected_asgi_message) == ("masked", "masked")
    assert (marks.websocket_disconnect, marks.unexpected_asgi_message) == ("logged", "logged")


# --- many cases


def moved(recording: Recording, lines: int) -> Recording:
    """The same, after ``lines`` were added at the top of the user's file."""

    def shift(thing):
        if isinstance(thing, dict):
            if thing.get("file") == "app.py":
                thing = thing | {
                    "line": thing["line"] + lines,
                    "first_line": thing["first_line"] + lines,
                }
            return {key: shift(value) for key, value in thing.items()}
        return [shift(item) for item in thing] if isinstance(thing, list | tuple) else thing

    built = shift(msgspec.to_builtins(recording))
    built["sources"] = {"app.py": "# new\n" * lines + SOURCE}
    return msgspec.convert(built, Recording)


def test_a_fingerprint_survives_edits_elsewhere():
    gone = error(1, DISCONNECT, FRAMEWORK, frame(5))
    recording = left().answered(gone).returned().recording()
    (before,) = findings([diagnose(recording)])
    (after,) = findings([diagnose(moved(recording, 7))])
    assert before.finding.fingerprint == after.finding.fingerprint
    assert before.finding.location != after.finding.location


def test_two_codes_on_one_line_are_one_finding_named_by_the_more_frequent():
    cancelled = error(1, CANCELLED, frame(7))
    gone = error(2, DISCONNECT, frame(7))
    often = [diagnose(left().returned(cancelled).logged(cancelled).recording()) for _ in range(3)]
    once = diagnose(left().returned(gone).logged(gone).recording())
    (exhibit,) = findings([once, *often])
    assert (exhibit.finding.code, exhibit.finding.symptoms) == ("WSD501", ("WSD201",))


def test_what_could_not_be_decided_is_never_a_pass():
    healthy = diagnose(left().returned().recording()).result
    unsure = diagnose(
        Story().opened().add(e.ScriptStopped, waiting_for="message 1").recording()
    ).result
    broken = diagnose(left().returned(error(1, CANCELLED, frame(7))).recording()).result
    assert verdict([]) == "nothing-checked"
    assert verdict([healthy, healthy]) == "healthy"
    assert verdict([healthy, unsure]) == "inconclusive"
    assert verdict([healthy, unsure, broken]) == "defective"

"""The server's fault is reported as such, and the application is not at fault."""

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
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.findings import findings
from wsdoctor.diagnosis.grouping import condensed
from wsdoctor.recording import events as e

ATTRIBUTE = ("AttributeError", "Exception", "BaseException")
INVALID = ("websockets.exceptions.InvalidState", "Exception", "BaseException")


def told(story):
    return [
        (cause.occurrence.code, cause.occurrence.fault)
        for cause in diagnose(story.recording()).causes
    ]


def left(kind="close"):
    return Story(kind).opened().client_leaves()


def test_a_server_that_cannot_stop_is_broken_also_when_wsdoctor_asked_it_to():
    story = left("stall-close").received("websocket.disconnect").returned()
    recording = story.recording()
    failed = e.ServerPhase(time=9.0, step=99, phase="failed", exception=error(1, INVALID))
    diagnosed = diagnose(replace(recording, events=(*recording.events, failed)))
    (cause,) = diagnosed.causes
    assert (cause.occurrence.code, cause.occurrence.fault) == ("WSD802", "server")
    assert diagnosed.result.verdict == "healthy"


def test_the_group_in_which_a_servers_error_comes_to_the_log_is_no_finding_of_its_own():
    """For a connection that it closed itself uvicorn raises a RuntimeError, where an OSError is due."""
    refused = error(1, RUNTIME, frame(12, "stream"))
    group = error(2, GROUP, frame(5), members=(refused,))
    story = left("oversize").sent("websocket.send", stack=(frame(5),), raised=refused)
    story.received("websocket.disconnect").returned(group).logged(group)
    (cause,) = diagnose(story.recording()).causes
    assert (cause.occurrence.code, cause.occurrence.fault) == ("WSD802", "server")
    assert [symptom.code for symptom in cause.symptoms] == ["WSD202"]


def test_the_applications_own_group_is_a_finding_beside_the_servers_error():
    refused = error(1, RUNTIME, frame(12, "stream"))
    group = error(2, GROUP, frame(5), members=(refused, error(3, DISCONNECT, frame(5))))
    story = left("oversize").sent("websocket.send", stack=(frame(5),), raised=refused)
    story.received("websocket.disconnect").returned(group).logged(group)
    assert ("WSD202", "app") in told(story)


@pytest.mark.parametrize("message", ["websocket.accept", "websocket.close"])
def test_a_send_without_a_payload_that_breaks_down_after_the_end(message):
    broken = error(1, ATTRIBUTE, FRAMEWORK)
    story = Story().add(e.AppCalled, path="/ws", task=1).received("websocket.connect")
    if message == "websocket.close":
        story.sent("websocket.accept", stack=(frame(2),))
    story.client_leaves().sent(message, stack=(frame(9),), raised=broken)
    story.returned(broken).logged(broken)
    assert ("WSD802", "server") in told(story)
    assert all(fault == "server" for _, fault in told(story))


def test_a_send_that_breaks_down_after_another_went_well():
    broken = error(1, ATTRIBUTE, FRAMEWORK)
    story = Story().opened().sent("websocket.send", stack=(frame(12, "stream"),)).client_leaves()
    story.sent("websocket.send", stack=(frame(12, "stream"),), raised=broken)
    assert ("WSD802", "server") in told(story.returned(broken).logged(broken))


@pytest.mark.parametrize(
    "bases", [REFUSED, RUNTIME, CANCELLED], ids=["refused", "runtime", "cancelled"]
)
def test_a_send_that_is_refused_or_cancelled_is_no_breakdown(bases):
    raised = error(1, bases, FRAMEWORK)
    story = Story().opened().sent("websocket.send", stack=(frame(12, "stream"),)).client_leaves()
    story.sent("websocket.send", stack=(frame(12, "stream"),), raised=raised)
    assert "WSD802" not in dict(told(story.returned()))


def test_what_a_server_says_to_a_payload_that_it_cannot_take_is_the_applications_fault():
    broken = error(1, ATTRIBUTE, FRAMEWORK, frame(12, "stream"))
    story = left().sent("websocket.send", stack=(frame(12, "stream"),), raised=broken)
    assert "WSD802" not in dict(told(story.returned(broken).logged(broken)))


def test_a_handler_that_waits_for_a_send_that_the_server_never_answers():
    story = Story("stall").opened().started()
    story.add(e.ReceiveCalled, call=98, task=2, stack=(frame(12, "stream"),)).client_leaves()
    story.add(e.SendCalled, call=99, message="websocket.send", task=1, stack=(frame(9),))
    story.add(e.TransportLost, 40.0)
    story.sampled("hang", e.TaskStack(task=1, stack=(frame(9),)), after=120.0)
    assert told(story) == [("WSD402", "server")]


def test_a_handler_that_knew_and_waits_for_a_send_all_the_same():
    story = left("stall").received("websocket.disconnect")
    story.add(e.SendCalled, call=99, message="websocket.send", task=1, stack=(frame(9),))
    story.sampled("hang", e.TaskStack(task=1, stack=(frame(9),)), after=120.0)
    assert ("WSD402", "app") in told(story)


def unretrieved(bases):
    raised = error(1, bases, FRAMEWORK, frame(12, "stream"))
    story = left().started()
    story.sent("websocket.send", task=2, stack=(frame(12, "stream"),), raised=raised)
    story.add(e.TaskEnded, task=2, outcome="raised", exception=raised).returned()
    message = "Task exception was never retrieved"
    return story.add(e.LoopErrorReported, message=message, task=2, exception=raised)


@pytest.mark.parametrize("bases, fault", [(RUNTIME, "server"), (REFUSED, "app"), (KEY, "app")])
def test_a_task_that_is_not_awaited_could_expect_an_oserror_but_no_runtimeerror(bases, fault):
    assert told(unretrieved(bases)) == [("WSD302", fault)]


def test_each_implementation_has_bugs_of_its_own():
    cases = []
    for kind, server in (
        ("close", "uvicorn:websockets-sansio"),
        ("close", "uvicorn:wsproto"),
        ("abort", "uvicorn:wsproto"),
    ):
        story = left(kind).received("websocket.disconnect").returned()
        story.add(e.ServerPhase, phase="failed", exception=error(1, INVALID))
        recording = story.recording()
        cases.append(diagnose(replace(recording, case=replace(recording.case, server=server))))
    found = [exhibit.finding for exhibit in findings(cases)]
    assert [finding.moments.failing for finding in found] == [1, 2]
    assert len({finding.fingerprint for finding in found}) == 2


def test_only_the_cases_that_show_a_cause_best_keep_their_events():
    stories = [unretrieved(KEY), unretrieved(KEY).sent("websocket.send", task=3), left().returned()]
    kept = condensed(diagnose(story.recording()) for story in stories)
    assert [bool(case.recording.events) for case in kept] == [True, False, False]
    before = findings([diagnose(story.recording()) for story in stories])
    assert [exhibit.finding for exhibit in findings(kept)] == [
        exhibit.finding for exhibit in before
    ]


def test_a_recording_that_was_cut_off_says_nothing_about_the_application():
    story = left().add(e.RecordingFull, limit=50_000)
    diagnosed = diagnose(story.recording())
    assert diagnosed.causes == ()
    assert diagnosed.result.verdict == "inconclusive"
    assert "sends without ever waiting" in diagnosed.result.note


def test_it_says_all_the_same_what_holds_the_event_loop():
    story = left().add(e.RecordingFull, limit=50_000)
    story.add(e.WorkerLost, returncode=None, samples=((FRAMEWORK, frame(7)),) * 3)
    diagnosed = diagnose(story.recording())
    assert [cause.occurrence.code for cause in diagnosed.causes] == ["WSD404"]
    assert diagnosed.result.verdict == "defective"


@pytest.mark.parametrize("mro, expected", [(RUNTIME, [("WSD802", "server")]), (REFUSED, [])])
def test_a_server_that_logs_an_error_for_a_lost_race(mro, expected):
    raised = error(1, mro, FRAMEWORK)
    story = left().received("websocket.disconnect", task=2)
    story.sent("websocket.send", stack=(frame(12),), raised=raised)
    story.returned(raised)
    if mro is RUNTIME:  # an OSError is no error for any server
        story.logged(raised)
    assert told(story) == expected


@pytest.mark.parametrize("message, late", [("websocket.close", []), ("websocket.send", ["WSD401"])])
def test_a_server_that_takes_its_time_to_close_is_not_late_teardown(message, late):
    story = left("burst-abort").add(e.TransportLost)
    story.add(e.SendCalled, call=99, message=message, task=1, stack=(frame(9),))
    story.sampled("teardown").add(e.SendReturned, 10.0, call=99).returned()
    assert [code for code, _ in told(story)] == late

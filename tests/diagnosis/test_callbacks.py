"""Tables of events -> causes for the errors that come up in callbacks of the event loop."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import CANCELLED, FRAMEWORK, KEY, SOURCE, Story, error, frame
from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.recording import events as e

DONE = frame(20, "done")


def complains(raised: e.ExceptionInfo, *, in_callback: bool = True, message: str = "") -> Story:
    story = Story().opened().started().client_leaves().received("websocket.disconnect")
    return story.add(
        e.LoopErrorReported,
        message=message or "Exception in callback done(<Task>)",
        exception=raised,
        in_callback=in_callback,
    )


def diagnosed(story: Story, *, made_up: bool = False) -> Diagnosed:
    recording = story.returned().recording()
    return diagnose(replace(recording, sources={"app.py": SOURCE}, default_payload=made_up))


def test_it_is_at_the_callbacks_line_and_not_in_the_task_whose_result_it_asks_for():
    raised = error(7, KEY, DONE, frame(11, "stream"), frame(12, "stream"))
    (cause,) = diagnosed(complains(raised)).causes
    found = cause.occurrence
    assert (found.code, found.severity, found.place) == ("WSD207", "error", DONE)
    assert "the callback `done` raises KeyError at app.py:20" in found.message
    assert found.setting == ""


def test_the_cancellation_of_a_task_has_a_remedy_of_its_own():
    (cause,) = diagnosed(complains(error(7, CANCELLED, DONE))).causes
    assert (cause.occurrence.code, cause.occurrence.setting) == ("WSD207", "cancelled")


def test_a_callback_that_is_none_of_the_users_is_a_remark():
    (cause,) = diagnosed(complains(error(7, KEY, FRAMEWORK))).causes
    found = cause.occurrence
    assert (found.code, found.severity, found.fault) == ("WSD207", "info", "framework")


def test_what_else_asyncio_complains_of_is_about_no_callback():
    story = complains(error(7, KEY, DONE), in_callback=False, message="Fatal error on transport")
    assert not diagnosed(story).causes


@pytest.mark.parametrize("raised, found", [(KEY, []), (CANCELLED, ["WSD207"])])
def test_a_made_up_message_may_be_the_reason_of_anything_but_a_cancellation(raised, found):
    story = Story().opened().received("websocket.receive").client_leaves()
    story.add(
        e.LoopErrorReported,
        message="Exception in callback done(<Task>)",
        exception=error(7, raised, DONE),
        in_callback=True,
    )
    story.received("websocket.disconnect")
    result = diagnosed(story, made_up=True)
    assert [cause.occurrence.code for cause in result.causes] == found

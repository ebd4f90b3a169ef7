"""The recorder when there is more than it records."""

from __future__ import annotations

from tests.session.cells import USER_CODE
from wsdoctor.recording.events import LogEmitted, RecordingFull
from wsdoctor.session.recorder import MOST_EVENTS, Recorder


def test_the_first_events_are_reported_of_more_than_can_be_judged():
    recorder = Recorder(USER_CODE)
    for number in range(MOST_EVENTS + 10):
        recorder.add(
            LogEmitted(
                **recorder.here(), connection=1, logger="app", level="INFO", message=str(number)
            )
        )
        if number == 10:
            assert len(recorder.beginning()) == 11
    told = recorder.beginning()
    assert [event.message for event in told[:2] if isinstance(event, LogEmitted)] == ["0", "1"]
    assert len(told) == 1001
    assert isinstance(told[-1], RecordingFull)
    assert len(recorder.events) == MOST_EVENTS + 1

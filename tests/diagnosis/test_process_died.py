"""Tables of events -> causes for a process that ended during a case."""

from __future__ import annotations

from typing import Any

import pytest

from tests.diagnosis.story import FRAMEWORK, Story, frame
from wsdoctor.diagnosis.causes import Cause
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.recording import events as e


def causes(story: Story, **lost: Any) -> tuple[Cause, ...]:
    return diagnose(story.add(e.WorkerLost, **lost).recording()).causes


HERE = (FRAMEWORK, frame(5), frame(12, "stream"))


@pytest.mark.parametrize(
    "returncode, said",
    [
        (0, "exits with code 0"),
        (3, "exits with code 3"),
        (-9, "is killed by SIGKILL"),
        (-11, "is killed by SIGSEGV"),
        (-1000, "is killed by signal 1000"),
    ],
)
def test_it_is_an_error_on_the_innermost_line(returncode, said):
    (cause,) = causes(Story().opened(), returncode=returncode, stack=HERE, called="os._exit")
    found = cause.occurrence
    assert (found.code, found.severity, found.place) == ("WSD407", "error", HERE[-1])
    assert f"`stream` ends the process at app.py:12: it {said}" in found.message
    assert "it called `os._exit()`" in found.evidence


def test_without_a_stack_it_may_have_come_from_outside():
    (cause,) = causes(Story().opened(), returncode=-9)
    assert "the process is killed by SIGKILL during a connection of" in cause.occurrence.message
    assert "killed from outside" in " ".join(cause.occurrence.evidence)


def test_one_that_had_to_be_ended_did_not_die():
    assert not causes(Story().opened(), returncode=None)


@pytest.mark.parametrize("returncode, found", [(0, []), (1, ["WSD407"])])
def test_to_end_is_what_a_server_is_asked_for(returncode, found):
    story = Story("shutdown").opened().add(e.ServerPhase, phase="exit-requested")
    codes = [cause.occurrence.code for cause in causes(story, returncode=returncode, stack=HERE)]
    assert codes == found

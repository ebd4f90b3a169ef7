"""When a sweep stops, told by the sessions that it has seen."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import DISCONNECT, Story, error, frame
from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.engine.limits import Limits
from wsdoctor.recording import events as e

THREADS = (e.LeftThread("poll", (frame(3),), 1),)
ESCAPED = error(1, DISCONNECT, frame(5))


def gone(raised: e.ExceptionInfo | None = None) -> Story:
    """The client has left, and the handler has returned."""
    return Story().opened().client_leaves().received("websocket.disconnect").returned(raised)


def hanging() -> Story:
    return (
        Story()
        .opened()
        .client_leaves()
        .received("websocket.disconnect")
        .sampled("hang", e.TaskStack(task=1, stack=(frame(7),)), after=20.0)
    )


def diagnosed(story: Story, *, threads: bool = False, **more: float) -> Diagnosed:
    if threads:
        story.add(e.ThreadsLeft, threads=THREADS)
    return diagnose(replace(story.recording(), **more))


def full() -> Diagnosed:
    """Nothing is recorded after it, not even the end."""
    recording = Story().opened().add(e.RecordingFull, limit=3).recording()
    return diagnose(replace(recording, events=recording.events[:-1]))


def cases_run(session: Diagnosed, limits: Limits, most: int = 30) -> tuple[int, str]:
    """How many cases are run if each is like ``session``, and why no other."""
    for count in range(most):
        if reason := limits.reached("/ws"):
            return count, reason
        limits.ran(session)
    return most, ""


@pytest.mark.parametrize(
    "session, cases, reason",
    [
        (diagnosed(gone()), 30, ""),
        (diagnosed(gone(ESCAPED)), 30, ""),
        (diagnosed(hanging()), 30, ""),  # 120 virtual seconds cost nothing
        (diagnosed(gone(), threads=True), 30, ""),  # the first client starts it, for all
        (diagnosed(gone(ESCAPED), threads=True), 12, "leave threads behind"),
        (diagnosed(hanging(), threads=True, watched=20.3), 2, "leave threads behind"),
        (diagnosed(Story().opened().add(e.WorkerLost, returncode=None)), 2, "with their process"),
        (diagnosed(Story().opened().add(e.WorkerLost, returncode=1)), 12, "ended their process"),
        (full(), 2, "too many events"),
    ],
)
def test_a_route_is_left_alone_when_its_sessions_cost_too_much(session, cases, reason):
    limits = Limits()
    count, why = cases_run(session, limits)
    assert count == cases
    assert reason in why
    assert bool(reason) == bool(why)
    assert limits.reached("/other") == ""
    limits.begin_anew()
    assert cases_run(session, limits) == (cases, why)


def test_when_the_time_is_over_no_case_begins():
    assert "the 0 s that --max-time gives" in Limits(max_time=0).reached("/ws")
    assert Limits(max_time=3600).reached("/ws") == ""


def test_an_interruption_ends_the_run_until_it_begins_anew():
    limits = Limits()
    limits.interrupted = True
    assert limits.reached("/ws") == "the run was interrupted"
    limits.begin_anew()
    assert limits.reached("/ws") == ""

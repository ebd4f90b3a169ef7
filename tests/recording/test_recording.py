from __future__ import annotations

import pytest

from wsdoctor.explore.catalogue import find_variant
from wsdoctor.recording.case import Case, Handshake, ReceiveStep, SendStep, SleepStep
from wsdoctor.recording.recording import InvalidRecordingError, load, save
from wsdoctor.session.run import Subject, run_case
from wsdoctor.target import TargetSpec
from wsdoctor.target import load as load_target


@pytest.fixture(scope="module")
def recording():
    target = load_target(TargetSpec(f"{find_variant('task-group').path}:app"))
    subject = Subject(target.build(), "litestar", target.user_code, target.routes[0].handler)
    case = Case(
        route="/ws",
        server="uvicorn:websockets",
        kind="close",
        moment="after:2",
        handshake=Handshake(path="/ws", headers=(("X-A", "b"),), subprotocols=("chat",)),
        script=(SendStep(text="hello"), SleepStep(seconds=0.5), ReceiveStep(count=1)),
    )
    return run_case(case, subject)


def test_a_recording_survives_the_way_to_disk(recording):
    again = load(save(recording))
    assert again == recording
    assert again.case.id == "/ws close@after:2 uvicorn:websockets"


def test_it_holds_groups_stacks_and_the_sources_they_point_into(recording):
    raised = [getattr(event, "handling", None) for event in recording.events]
    groups = [exception for exception in raised if exception is not None and exception.members]
    assert groups
    files = {frame.file for group in groups for frame in group.stack if frame.user}
    assert files
    assert files <= set(recording.sources)


def test_events_are_in_order(recording):
    times = [(event.time, event.step) for event in recording.events]
    assert times == sorted(times)


@pytest.mark.parametrize(
    "broken, said",
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"case": 3}', "case"),
    ],
)
def test_what_is_no_recording_is_said(broken, said):
    with pytest.raises(InvalidRecordingError, match="not a recording of this version") as raised:
        load(broken)
    assert said in str(raised.value)

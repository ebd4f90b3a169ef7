from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from msgspec import inspect
from msgspec.structs import replace

from wsdoctor.engine.catalogue import find_variant
from wsdoctor.recording import events
from wsdoctor.recording.case import Case, Handshake, ReceiveStep, SendStep, SleepStep
from wsdoctor.recording.recording import InvalidRecordingError, load, save
from wsdoctor.session.run import SessionTarget, run_case
from wsdoctor.target import TargetSpec
from wsdoctor.target import load as load_target


@pytest.fixture(scope="module")
def recording():
    target = load_target(TargetSpec(f"{find_variant('task-group').path}:app"))
    subject = SessionTarget(target.build(), "litestar", target.user_code, target.routes[0].handler)
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


# --- every event


def _example(kind, depth: int = 0):
    """A value of any type that occurs in an event, no field of it empty."""
    found = inspect.type_info(kind)
    return _of(found, depth)


def _of(info, depth):
    if isinstance(info, inspect.UnionType):
        concrete = [one for one in info.types if not isinstance(one, inspect.NoneType)]
        return None if depth > 6 else _of(concrete[0], depth)
    if isinstance(info, inspect.LiteralType):
        return info.values[-1]
    if isinstance(info, inspect.StructType):
        fields = {}
        for field in info.fields:
            if depth > 6 and not field.required:
                continue
            fields[field.name] = _of(field.type, depth + 1)
        return info.cls(**fields)
    if isinstance(info, inspect.VarTupleType):
        return () if depth > 4 else (_of(info.item_type, depth + 1),) * 2
    if isinstance(info, inspect.TupleType):
        return tuple(_of(item, depth + 1) for item in info.item_types)
    return {
        inspect.IntType: 7,
        inspect.FloatType: 1.25,
        inspect.StrType: 'text "quoted" ä \x00 \u2028',
        inspect.BoolType: True,
    }[type(info)]


def test_every_event_that_can_be_recorded_can_be_loaded():
    """An event that is missing in the union is written, and the Recording cannot be read again."""
    kinds = set(events.Event.__subclasses__())
    assert kinds == set(get_args(events.AnyEvent))
    assert len({kind.__struct_config__.tag for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("kind", get_args(events.AnyEvent))
def test_every_event_survives_with_all_its_fields(recording, kind):
    event = _example(kind)
    assert isinstance(event, kind)
    again = load(save(replace(recording, events=(event,))))
    assert again.events == (event,)


def test_events_cannot_be_changed():
    event = _example(events.AppCalled)
    with pytest.raises(AttributeError):
        event.path = "/other"


@pytest.mark.parametrize(
    "change, where",
    [
        (lambda data: data["events"][0].update(event="NoSuchEvent"), "events[0]"),
        (lambda data: data["events"][3].update(time="late"), "events[3].time"),
        (lambda data: data.pop("case"), "case"),
        (lambda data: data["case"]["script"][0].update(type="jump"), "case.script[0]"),
        (lambda data: data.update(clock="sundial"), "clock"),
        (lambda data: data.update(sources=["x"]), "sources"),
    ],
)
def test_the_place_of_what_does_not_fit_is_said(recording, change, where):
    data = msgspec.json.decode(save(recording))
    change(data)
    with pytest.raises(InvalidRecordingError) as raised:
        load(msgspec.json.encode(data))
    assert where in str(raised.value)


def test_what_a_later_version_adds_does_not_matter(recording):
    data = msgspec.json.decode(save(recording))
    data["weather"] = "fine"
    data["events"][0]["mood"] = 3
    assert load(msgspec.json.encode(data)) == recording


def test_a_recording_is_text_that_a_person_can_read(recording):
    text = save(recording).decode()
    assert '"event":"AppCalled"' in text
    assert "async with" in text

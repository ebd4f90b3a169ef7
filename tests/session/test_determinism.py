"""The same case gives the same Recording; the clock and the network beneath it make no difference."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest
from msgspec.structs import replace

from tests.session.apps import (
    closes_after_disconnect,
    crowd,
    echo,
    raises,
    starlette_echo,
    stream,
)
from tests.session.cells import (
    ALL,
    LEGACY,
    SANSIO,
    USER_CODE,
    WSPROTO,
    all_of,
    asgi,
    observed,
    run,
)
from wsdoctor.engine.catalogue import find_variant
from wsdoctor.recording.case import Case, Handshake, ReceiveStep, SendStep, SleepStep
from wsdoctor.recording.events import (
    AnyEvent,
    ClientEnded,
    FrameReceived,
    LogEmitted,
    LoopErrorReported,
    ScriptStopped,
    TaskCreated,
    TaskEnded,
)
from wsdoctor.recording.recording import Recording, save
from wsdoctor.session import run as sessions
from wsdoctor.session.recorder import Recorder
from wsdoctor.session.run import SessionTarget, run_case
from wsdoctor.sim.engine import new_event_loop
from wsdoctor.target import TargetSpec, load


def story(recording: Recording) -> dict[str, list[Any]]:
    """The events that do not depend on the clock: messages, logs, exceptions, tasks, in order."""
    return {
        "asgi": asgi(recording),
        "log": [
            (
                event.logger,
                event.level,
                event.message,
                event.exception.type if event.exception else None,
            )
            for event in all_of(recording, LogEmitted)
        ],
        "loop": [
            (event.message, event.exception.type if event.exception else None)
            for event in observed(recording)
            if isinstance(event, LoopErrorReported)
        ],
        "tasks": [(event.coroutine, event.parent) for event in all_of(recording, TaskCreated)],
        "ends": [event.outcome for event in all_of(recording, TaskEnded)],
        "client": [event.code for event in all_of(recording, ClientEnded)],
    }


REPEATED = {
    "stream, close": (stream(), "close", "after:2"),
    "stream, abort": (stream(), "abort", "mid-send"),
    "fast stream, shutdown": (stream(every=0, size=100), "shutdown", "after:2"),
    "stream, vanish": (stream(every=1), "vanish", "after:2"),
    "stall": (stream(every=0.05, size=4000), "stall-close", "after:1"),
    "echo, burst": (echo, "burst", "after-accept"),
    "naive": (closes_after_disconnect, "close", "after:2"),
    "raises": (raises, "abort", "after:2"),
    "starlette": (starlette_echo(), "fin", "after-accept"),
    "crowd": (crowd, "close", "after-accept"),
    "every moment": (stream(), "close", "*"),
}


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize("name", REPEATED)
def test_twenty_runs_are_one_recording(name, server):
    """Every event equal to the last field: times, steps, numbers of tasks and exceptions, stacks."""
    app, kind, moment = REPEATED[name]
    times = 3 if "fast" in name else 20 if server == LEGACY else 5
    recordings = {save(run(app, kind, moment, server)) for _ in range(times)}
    assert len(recordings) == 1


def without_payload(recording: Recording) -> list[AnyEvent]:
    """The events, to the last field but one: the built-in variants send the time of day."""
    return [
        replace(event, preview="") if isinstance(event, FrameReceived) else event
        for event in recording.events
    ]


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize(
    "variant, moment, times",
    [
        ("fixed", "send#2+1", 200),
        ("swallowed-cancel", "send#2+3", 20),  # its rare bug: two minutes of a hanging handler
    ],
)
def test_all_runs_of_a_schedule_are_one_recording(variant, moment, times, server):
    """A moment of a sweep, of applications as people write them."""
    target = load(TargetSpec(f"{find_variant(variant).path}:app"))
    case = Case("/ws", server, "abort", moment, Handshake("/ws"), (ReceiveStep(2),))

    def once() -> list[AnyEvent]:
        return without_payload(
            run_case(case, SessionTarget(target.build(), target.framework, target.user_code))
        )

    first = once()
    assert not any(isinstance(event, ScriptStopped) for event in first)
    assert all(once() == first for _ in range(times - 1))


def test_a_recording_does_not_depend_on_what_ran_before():
    first = save(run(stream(), "close", "after:2"))
    run(raises, "abort", "after:2")
    run(stream(every=0, size=100), "shutdown", "after:2")
    assert save(run(stream(), "close", "after:2")) == first


def test_a_recording_does_not_depend_on_the_thread_it_is_made_in():
    def once() -> bytes:
        # The thread that waits for this one is seen at work for an instant, before it waits.
        recording = run(stream(), "close", "after:2")
        return save(replace(recording, used_wall_time=False, waited=0.0))

    here = once()
    there: list[bytes] = []
    thread = threading.Thread(target=lambda: there.append(once()))
    thread.start()
    thread.join()
    assert there == [here]


CELLS = [
    (stream(every=0.02), "close", "after:2", SANSIO),
    (stream(every=0.02), "close", "after:2", LEGACY),
    (stream(every=0.02), "close", "after:2", WSPROTO),
    (stream(every=0.02), "abort", "after:2", SANSIO),
    (stream(every=0.02), "fin", "after:3", LEGACY),
    (closes_after_disconnect, "close", "after:2", SANSIO),
    (closes_after_disconnect, "close", "after:2", LEGACY),
    (closes_after_disconnect, "abort", "after:2", WSPROTO),
    (raises, "close", "after:2", LEGACY),
    (raises, "abort", "after:2", SANSIO),
    (echo, "burst", "after-accept", LEGACY),
    (echo, "shutdown", "after-accept", SANSIO),
]


@pytest.mark.parametrize("app, kind, moment, server", CELLS)
def test_the_wall_clock_tells_the_same_story(app, kind, moment, server):
    virtual = run(app, kind, moment, server)
    # On the wall clock the test has to wait for the grace time.
    wall = run(app, kind, moment, server, clock="wall", grace=0.05)
    assert (virtual.clock, wall.clock) == ("virtual", "wall")
    assert story(wall) == story(virtual)


@pytest.mark.parametrize("app, kind, moment, server", CELLS)
def test_real_sockets_tell_the_same_story_at_the_same_times(app, kind, moment, server):
    memory = run(app, kind, moment, server)
    loopback = run(app, kind, moment, server, network="loopback")
    assert story(loopback) == story(memory)
    assert [round(event.time, 6) for event in loopback.events] == [
        round(event.time, 6) for event in memory.events
    ]


def test_a_script_runs_on_the_sessions_clock():
    script = (SendStep(text="a"), ReceiveStep(), SleepStep(0.05), SendStep(text="b"), ReceiveStep())
    virtual = run(echo, "close", "after-accept", script=script)
    wall = run(echo, "close", "after-accept", script=script, clock="wall", grace=0.05)
    assert story(wall) == story(virtual)


def test_the_loop_is_gone_with_its_session_though_the_recorder_is_held(monkeypatch):
    """A process that runs a hundred cases would keep a hundred loops, with their tasks and sockets."""
    loops = []

    def made(*arguments):
        loops.append(weakref.ref(loop := new_event_loop(*arguments)))
        return loop

    monkeypatch.setattr(sessions, "new_event_loop", made)
    recorder = Recorder(USER_CODE)
    case = Case("/ws", SANSIO, "close", "after-accept", Handshake("/ws"))
    recording = run_case(case, SessionTarget(echo, "asgi", USER_CODE), recorder=recorder)
    (loop,) = loops
    assert loop() is None, gc.get_referrers(loop())
    assert recorder.now() >= recording.events[-1].time
    assert recorder.step() >= recording.events[-1].step

"""The client's script: what it sends and waits for before the chosen moment."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest

from tests.session.apps import _accept, application, echo, stream
from tests.session.cells import (
    ALL,
    LEGACY,
    SANSIO,
    acted_at,
    all_of,
    asgi,
    in_order,
    observed,
    run,
    the,
    wire,
)
from wsdoctor.plan.moments import EVERY
from wsdoctor.recording.case import Handshake, ReceiveStep, SendStep, SleepStep, Step
from wsdoctor.recording.events import (
    ClientActed,
    FrameReceived,
    FrameSent,
    HandshakeAccepted,
    HandshakeRefused,
    ReceiveReturned,
    ScriptStopped,
)
from wsdoctor.session.session import IDLE

SILENT_AFTER_ACCEPT = 35.0
"""Virtual seconds that a client waits for each message."""


@application
async def silent(scope, receive, send):
    await _accept(receive, send)
    while (await receive())["type"] != "websocket.disconnect":
        pass


@application
async def leaves(scope, receive, send):
    """Says one thing, and closes."""
    await _accept(receive, send)
    await send({"type": "websocket.send", "text": "that is all"})
    await send({"type": "websocket.close", "code": 1001})


@application
async def refuses(scope, receive, send):
    await receive()
    await send({"type": "websocket.close"})


@application
async def never_answers(scope, receive, send):
    await receive()
    await asyncio.Event().wait()


@application
async def takes_its_time(scope, receive, send):
    await receive()
    await asyncio.sleep(7)
    await send({"type": "websocket.accept", "subprotocol": (scope["subprotocols"] or [None])[-1]})
    while (await receive())["type"] != "websocket.disconnect":
        pass


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize(
    "script, lines, at",
    [
        ((), [], 0.01),
        ((SendStep(text="a"),), [">text"], 0.01),
        ((SendStep(text="a"), SendStep(hex="00ff")), [">text", ">binary"], 0.01),
        ((SendStep(text="a"), ReceiveStep()), [">text", "<text"], 0.01),
        (
            (SendStep(text="a"), SendStep(text="b"), ReceiveStep(2)),
            [">text", ">text", "<text", "<text"],
            0.01,
        ),
        (
            (SleepStep(2.5), SendStep(text="a"), ReceiveStep(), SleepStep(1)),
            [">text", "<text"],
            3.51,
        ),
    ],
)
def test_the_steps_are_done_in_order_before_the_moment(script: tuple[Step, ...], lines, at, server):
    recording = run(echo, "close", "after-accept", server, script=script)
    assert acted_at(recording) == pytest.approx(at, abs=0.001)
    act = next(index for index, line in enumerate(wire(recording)) if line == "close")
    assert wire(recording)[:act] == ["connect", "accepted", *lines]
    assert not all_of(recording, ScriptStopped)


@pytest.mark.parametrize("server", ALL)
def test_what_is_sent_arrives(server):
    recording = run(
        echo,
        "close",
        "after:3",
        server,
        script=(SendStep(text="äöü"), SendStep(hex="00ff10"), SendStep(text="")),
    )
    received = [
        event.size
        for event in all_of(recording, ReceiveReturned)
        if event.message == "websocket.receive"
    ]
    assert received == [3, 3, 0], "characters of a text, bytes of a binary message"
    assert [(event.opcode, event.size) for event in all_of(recording, FrameSent)][:3] == [
        ("text", 6),
        ("binary", 3),
        ("text", 0),
    ]
    first = all_of(recording, FrameReceived)[0]
    assert (first.opcode, first.size, first.preview) == ("text", 6, "äöü")


@pytest.mark.parametrize("moment", ["after:3", "mid-send", "idle"])
def test_the_moment_is_looked_for_after_the_script(moment):
    recording = run(stream(every=1), "close", moment, script=(SleepStep(5.5),))
    assert acted_at(recording) > 5.5


def test_after_n_counts_every_message_that_came_the_scripts_included():
    recording = run(
        echo,
        "close",
        "after:3",
        script=(SendStep(text="a"), SendStep(text="b"), SendStep(text="c")),
    )
    act = wire(recording).index("close")
    assert wire(recording)[:act].count("<text") == 3


@pytest.mark.parametrize(
    "app, moment, script, waiting_for, at",
    [
        (silent, "after:1", (), "message 1", 35.01),
        (silent, "after-accept", (ReceiveStep(),), "message 1", 35.01),
        (stream(every=1000), "after:2", (), "message 2", 35.01),
        (silent, "mid-send", (), "message 1", 35.01),
        (stream(every=1000), "mid-send", (), "the application's next send", 35.01),
        (leaves, "after:2", (), "message 2 (the connection ended first)", 0.01),
        (leaves, "after-accept", (ReceiveStep(2),), "message 2 (the connection ended first)", 0.01),
        (
            leaves,
            "after-accept",
            (SleepStep(1), SendStep(text="x")),
            "the connection to take a message (it ended first)",
            1.01,
        ),
        (leaves, "idle", (), "quiet on an open connection (it ended first)", 0.91),
        (never_answers, "after-accept", (), "the handshake", 35.0),
    ],
)
def test_a_moment_that_does_not_come(app, moment, script, waiting_for, at):
    """The client says what it waited for, and disconnects all the same: the handler's end is seen."""
    recording = run(app, "close", moment, SANSIO, script=script)
    stopped = the(recording, ScriptStopped)
    assert stopped.waiting_for == waiting_for
    assert stopped.time == pytest.approx(at, abs=0.02)


@pytest.mark.parametrize("server", ALL)
def test_a_refused_handshake_is_seen_and_nothing_is_disconnected(server):
    recording = run(refuses, "close", "after:1", server)
    assert the(recording, HandshakeRefused).status == 403
    assert not [event for event in all_of(recording, ClientActed) if event.disconnects]
    assert asgi(recording)[-1] == "returned"
    assert not all_of(recording, ScriptStopped)


@pytest.mark.parametrize("server", ALL)
def test_the_whole_life_of_a_connection_may_be_a_refusal(server):
    """If a handler returns without an answer, the server answers 500: there is nothing to close then."""

    @application
    async def returns(scope, receive, send):
        await receive()

    for app, status in ((refuses, 403), (returns, 500)):
        recording = run(app, "close", EVERY, server)
        assert the(recording, HandshakeRefused).status == status
        assert not [event for event in all_of(recording, ClientActed) if event.disconnects]


@pytest.mark.parametrize("server", ALL)
def test_a_slow_handshake_is_waited_for(server):
    recording = run(takes_its_time, "close", "after-accept", server)
    assert the(recording, HandshakeAccepted).time == pytest.approx(7.01, abs=0.01)
    assert acted_at(recording) == pytest.approx(7.01, abs=0.01)


@pytest.mark.parametrize("server", ALL)
def test_the_handshake_is_the_cases(server):
    seen: deque[dict[str, object]] = deque(maxlen=9)  # of a list that grows more clients come

    @application
    async def look(scope, receive, send):
        seen.append(dict(scope))
        await takes_its_time(scope, receive, send)

    recording = run(
        look,
        "close",
        "after-accept",
        server,
        handshake=Handshake(
            path="/ws/a%20b",
            query="token=%C3%A4",
            headers=(("Authorization", "Bearer s"), ("Cookie", "a=1; b=2")),
            subprotocols=("one", "two"),
        ),
    )
    (scope,) = seen
    assert scope["path"] == "/ws/a b"
    assert scope["query_string"] == b"token=%C3%A4"
    assert scope["subprotocols"] == ["one", "two"]
    headers = scope["headers"]
    assert isinstance(headers, list)
    assert (b"authorization", b"Bearer s") in headers
    assert (b"cookie", b"a=1; b=2") in headers
    assert the(recording, HandshakeAccepted).subprotocol == "two"


def test_a_survey_watches_three_messages_and_leaves():
    recording = run(stream(every=1), "close", "survey")
    # The first one came in the same segment as the answer to the handshake; after the third it
    # stays a moment, to see whether the connection does.
    assert acted_at(recording) == pytest.approx(3.01 + IDLE, abs=0.01)
    # … and waits no longer than for any message if nothing comes.
    assert acted_at(run(silent, "close", "survey")) == pytest.approx(SILENT_AFTER_ACCEPT, abs=0.1)


def test_a_survey_of_one_who_leaves_by_himself():
    recording = run(leaves, "close", "survey")
    assert "ended 1001" in wire(recording)
    assert not all_of(recording, ScriptStopped)


@pytest.mark.parametrize("server", ALL)
def test_every_event_is_in_order(server):
    """Times and steps never run backwards."""
    recording = run(stream(), "close", "after:2", server, script=(SendStep(text="x"),))
    times = [(event.time, event.step) for event in observed(recording)]
    assert times == sorted(times)
    assert in_order(["connect", "accepted", ">text", "close", ">close 1000"], wire(recording))
    assert LEGACY in ALL

"""Each kind of disconnect on each server: the act of the client, and the messages to the application.

The table shows the behaviour of uvicorn's three implementations; FACTS and the catalogue's texts depend on it.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.session.apps import application, echo, noise, starlette_echo, starlette_headers, stream
from tests.session.cells import (
    ALL,
    LEGACY,
    SANSIO,
    WSPROTO,
    acted_at,
    all_of,
    asgi,
    errors_logged,
    in_order,
    run,
    the,
    wire,
)
from wsdoctor.plan.kinds import BURST, KINDS, SERVER_KINDS, STALLING_KINDS
from wsdoctor.recording.case import SendStep
from wsdoctor.recording.events import (
    AppReturned,
    ClientActed,
    ClientEnded,
    ReceiveReturned,
    SendCalled,
    SendReturned,
    ServerPhase,
    StacksSampled,
    TransportLost,
)

# kind: the code that the application gets and the code that the client sees, on sansio, legacy, wsproto
CODES: dict[str, tuple[tuple[int, ...], tuple[int | None, ...]]] = {
    "close": ((1000, 1000, 1000), (1000, 1000, 1000)),
    "close:1001": ((1001, 1001, 1001), (1001, 1001, 1001)),
    "close:4321": ((4321, 4321, 4321), (4321, 4321, 4321)),
    "no-code": ((1005, 1005, 1005), (1005, 1005, 1005)),
    "abort": ((1005, 1006, 1005), (1006, 1006, 1006)),
    "fin": ((1005, 1006, 1005), (1006, 1006, 1006)),
    "eof": ((1005, 1006, 1005), (1006, 1006, 1006)),
    "vanish": ((1005, 1006, 1005), (None, None, None)),
    "stall": ((1005, 1006, 1005), (None, None, None)),
    "stall-close": ((1000, 1000, 1000), (None, None, None)),
    "stall-abort": ((1005, 1006, 1005), (1006, 1006, 1006)),
    "partial-frame": ((1005, 1006, 1005), (1006, 1006, 1006)),
    # uvicorn answers a ParseFailed of wsproto's with nothing but the end of the connection.
    "protocol-error": ((1002, 1006, 1002), (1002, 1002, 1006)),
    "oversize": ((1009, 1006, 1009), (1009, 1009, 1009)),
    "shutdown": ((1012, 1012, 1012), (1012, 1012, 1012)),
    "shutdown-timeout": ((1012, 1012, 1012), (1012, 1012, 1012)),
    "burst": ((1000, 1000, 1000), (1000, 1000, 1000)),
    "burst-abort": ((1005, 1006, 1005), (1006, 1006, 1006)),
}


def test_the_table_is_complete():
    assert {kind.partition(":")[0] for kind in CODES} | {"before-accept"} == {
        kind.partition(":")[0] for kind in KINDS
    }


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize("kind", CODES)
def test_the_codes_of_each_end(kind, server):
    recording = run(stream(), kind, "after:2", server)
    place = ALL.index(server)
    app_codes, client_codes = CODES[kind]
    delivered = [
        event.code
        for event in all_of(recording, ReceiveReturned)
        if event.message == "websocket.disconnect"
    ]
    assert delivered == [app_codes[place]]
    ended = [event.code for event in all_of(recording, ClientEnded)]
    assert ended == [code for code in (client_codes[place],) if code is not None]
    assert asgi(recording)[-1] == "returned"
    assert errors_logged(recording) == []


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize("kind", CODES)
def test_the_act_comes_at_its_moment_and_only_once(kind, server):
    recording = run(stream(every=0.2), kind, "after:2", server)
    acts = [event for event in all_of(recording, ClientActed) if event.disconnects]
    exits = [event for event in all_of(recording, ServerPhase) if event.phase == "exit-requested"]
    if kind in SERVER_KINDS:
        assert (acts, len(exits)) == ([], 1)
    else:
        assert len(acts) == (2 if kind in {"stall-close", "stall-abort"} else 1)
        assert exits == []
    # The stream begins at 0.01 and the second message comes 0.2 s later.
    assert acted_at(recording) == pytest.approx(0.21, abs=0.001)


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize(
    "kind",
    [kind for kind in CODES if kind not in STALLING_KINDS | {"burst", "burst-abort", "vanish"}],
)
@pytest.mark.parametrize("app", [echo, starlette_echo()], ids=["asgi", "starlette"])
def test_an_echo_hears_each_kind(app, kind, server):
    """A handler that does nothing but receive returns when the connection ends, on any framework."""
    recording = run(app, kind, "after:1", server, script=(SendStep(text="hello"),))
    assert in_order([">text", "<text"], wire(recording))
    assert in_order(
        ["<disconnect " + str(CODES[kind][0][ALL.index(server)]), "returned"], asgi(recording)
    )
    slowest = (
        11 if kind == "oversize" else 0.2
    )  # legacy stops reading, and waits 10 s for its client's end
    assert the(recording, AppReturned).time - acted_at(recording) < slowest
    assert errors_logged(recording) == []


@pytest.mark.parametrize(
    "server, after", [(SANSIO, ["<connect"]), (LEGACY, ["<connect"]), (WSPROTO, ["<connect"])]
)
def test_before_accept_resets_while_the_application_makes_up_its_mind(server, after):
    recording = run(stream(), "before-accept", "handshake", server)
    assert wire(recording) == ["connect", "abort", "refused 0", "ended 1006", "server lost it"]
    lines = asgi(recording)
    assert lines[:2] == ["called", *after]
    assert in_order(
        [">accept", "<disconnect " + ("1006" if server == LEGACY else "1005"), "returned"], lines
    )
    act = next(event for event in all_of(recording, ClientActed) if event.disconnects)
    accept = next(
        event for event in all_of(recording, SendCalled) if event.message == "websocket.accept"
    )
    assert recording.events.index(act) < recording.events.index(accept)


@pytest.mark.parametrize("server", ALL)
def test_a_burst_is_unread_when_the_end_comes(server):
    recording = run(echo, "burst", "after-accept", server)
    assert in_order([*["<receive"] * BURST, "<disconnect 1000"], asgi(recording))
    sent = [line for line in wire(recording) if line.startswith(">")]
    assert sent == [*[">text"] * BURST, ">close 1000"]
    assert recording.default_payload


@pytest.mark.parametrize("server", ALL)
def test_a_burst_consists_of_the_users_messages_if_there_are_any(server):
    recording = run(
        echo, "burst", "after-accept", server, script=(SendStep(text="mine"), SendStep(hex="00ff"))
    )
    sent = [line for line in wire(recording) if line.startswith(">")]
    assert sent == [">text", ">binary", *[">text", ">binary"] * (BURST // 2), ">close 1000"]
    assert not recording.default_payload


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize("kind", ["vanish", "stall"])
def test_only_the_servers_ping_notices_a_silent_client(kind, server):
    """20 s between pings and 20 s to answer; the legacy server then waits 10 s for a close frame."""
    recording = run(stream(every=1), kind, "after:2", server)
    lost = the(recording, TransportLost).time
    assert lost == pytest.approx(50 if server == LEGACY else 40, abs=0.1)
    assert the(recording, AppReturned).time - lost < 1.1
    assert all_of(recording, ClientEnded) == [], "the client got no close frame"


@pytest.mark.parametrize("server", ALL)
def test_a_stalled_client_blocks_a_fast_sender(server):
    """The buffers fill, and a send does not return: not even when the server gives the client up.

    None of the three implementations can end a connection whose buffer is full; they wait for it
    to be flushed first.
    """
    recording = run(stream(every=0.001, size=4000), "stall", "after-accept", server)
    returned = {event.call for event in all_of(recording, SendReturned)}
    sends = all_of(recording, SendCalled)
    blocked = [event for event in sends if event.call not in returned]
    assert blocked == [sends[-1]], "the buffers are not full"
    assert blocked[0].time - acted_at(recording) < 5
    assert all_of(recording, TransportLost) == []
    assert [event.reason for event in all_of(recording, StacksSampled)] == ["hang"]


@pytest.mark.parametrize("server", [SANSIO, WSPROTO])
def test_a_stalled_client_blocks_a_moderate_sender_before_it_is_given_up(server):
    """1.4 kB a second: buffers of the usual size would not fill in time."""
    recording = run(noise(size=700, every=0.5), "stall", "after-accept", server)
    returned = {event.call for event in all_of(recording, SendReturned)}
    blocked = [event for event in all_of(recording, SendCalled) if event.call not in returned]
    assert blocked
    assert blocked[0].time < 20, "before the first ping"


@pytest.mark.parametrize("server", ALL)
def test_when_the_end_could_be_known_does_not_depend_on_what_is_done_to_the_scope(server):
    """Starlette's ``websocket.headers`` replaces the list of headers."""
    recording = run(starlette_headers(), "close", "after-accept", server)
    ended = the(recording, ClientEnded).time
    assert the(recording, TransportLost).time == pytest.approx(ended, abs=0.1)
    assert [event.reason for event in all_of(recording, StacksSampled)] == ["teardown"]


@pytest.mark.parametrize("server", ALL)
def test_a_stalled_client_does_not_block_one_who_has_little_to_say(server):
    recording = run(stream(every=1, size=5), "stall", "after-accept", server)
    returned = {event.call: event.time for event in all_of(recording, SendReturned)}
    sends = [event for event in all_of(recording, SendCalled) if event.time < 39]
    assert len(sends) > 30
    assert all(returned[event.call] == event.time for event in sends)
    lost = the(recording, TransportLost).time
    assert lost == pytest.approx(50 if server == LEGACY else 40, abs=0.1)


@pytest.mark.parametrize("server", ALL)
def test_stall_close_sends_its_close_frame_into_full_buffers(server):
    recording = run(stream(every=0.001, size=4000), "stall-close", "after-accept", server)
    acts = {event.act: event.time for event in all_of(recording, ClientActed) if event.disconnects}
    assert acts["close"] - acts["stall"] == pytest.approx(5)
    waiting = {
        event.call for event in all_of(recording, SendCalled) if event.time < acts["close"]
    } - {event.call for event in all_of(recording, SendReturned) if event.time < acts["close"]}
    assert len(waiting) == 1, (
        "the application was to be blocked in a send when the close frame came"
    )
    assert "<disconnect 1000" in asgi(recording)


@pytest.mark.parametrize("server", ALL)
def test_a_server_that_is_asked_to_stop_does(server):
    recording = run(stream(), "shutdown", "after:2", server)
    phases = [event.phase for event in all_of(recording, ServerPhase)]
    assert phases == ["started", "exit-requested", "stopped"]
    assert "<close 1012" in wire(recording)


@pytest.mark.parametrize("server", ALL)
def test_a_graceful_timeout_cancels_who_does_not_end(server):
    @application
    async def deaf(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.Event().wait()

    recording = run(deaf, "shutdown-timeout", "after-accept", server)
    assert asgi(recording)[-1] == "raised CancelledError"
    assert the(recording, AppReturned).time - acted_at(recording) == pytest.approx(3.1, abs=0.2)
    # Without the time-out it is waited for, and the server never stops.
    recording = run(deaf, "shutdown", "after-accept", server)
    assert all_of(recording, AppReturned) == []
    assert [event.phase for event in all_of(recording, ServerPhase)] == [
        "started",
        "exit-requested",
    ]


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize(
    "moment, at", [("after-accept", 0.01), ("after:1", 0.01), ("after:4", 1.51), ("idle", 0.91)]
)
def test_the_named_moments(moment, at, server):
    recording = run(stream(every=0.5), "close", moment, server)
    assert acted_at(recording) == pytest.approx(at, abs=0.002)


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize("kind", ["close", "abort", "fin"])
def test_mid_send_acts_while_the_application_is_in_its_send(kind, server):
    recording = run(stream(every=0.5), kind, "mid-send", server)
    act = next(
        index
        for index, event in enumerate(recording.events)
        if getattr(event, "disconnects", False)
    )
    called = max(
        i for i, event in enumerate(recording.events[:act]) if isinstance(event, SendCalled)
    )
    call = recording.events[called]
    assert isinstance(call, SendCalled)
    returned = next(
        i
        for i, event in enumerate(recording.events)
        if isinstance(event, SendReturned) and event.call == call.call
    )
    assert called < act < returned
    assert acted_at(recording) == pytest.approx(0.51, abs=0.001)

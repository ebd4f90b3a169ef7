"""The user's driver: what it is given, at whatever clock and network, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.session.apps import echo, stream
from tests.session.cells import ALL, SANSIO, USER_CODE, all_of, asgi, the, wire
from wsdoctor.plan.kinds import BURST
from wsdoctor.recording.case import Case, Handshake, SendStep, Step
from wsdoctor.recording.events import (
    AppCalled,
    FrameSent,
    HttpExchanged,
    ScriptStopped,
)
from wsdoctor.recording.recording import Recording
from wsdoctor.session.run import SessionTarget, run_case
from wsdoctor.session.timeouts import Timing
from wsdoctor.sim.engine import Clock, NetworkName


def driven(
    app: Any,
    driver: Any,
    kind: str = "close",
    moment: str = "after-accept",
    server: str = SANSIO,
    *,
    script: tuple[Step, ...] = (),
    clock: Clock = "virtual",
    network: NetworkName = "memory",
    handshake: Handshake | None = None,
) -> Recording:
    case = Case(
        route="/ws",
        server=server,
        kind=kind,
        moment=moment,
        handshake=handshake or Handshake(path="/ws"),
        script=script,
        driver="driver.py:drive",
    )
    subject = SessionTarget(app, "asgi", USER_CODE, driver=driver)
    return run_case(case, subject, timing=Timing(clock=clock), network=network)


async def _describe(request: Any) -> Response:
    body = (await request.body()).decode()
    said = {
        "method": request.method,
        "query": request.url.query,
        "body": body,
        "type": request.headers.get("content-type"),
        "token": request.headers.get("x-token"),
        "cookies": dict(request.cookies),
    }
    response = PlainTextResponse(json.dumps(said), status_code=418)
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


async def _talk(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("text")
    await websocket.send_bytes(b"\0\xff")
    await websocket.send_text("x" * 200_000)
    async for _ in websocket.iter_text():
        pass


site = Starlette(
    routes=[
        Route("/describe", _describe, methods=["GET", "POST"]),
        WebSocketRoute("/ws", _talk),
    ]
)


@pytest.mark.parametrize(
    "clock, network", [("virtual", "memory"), ("virtual", "loopback"), ("wall", "loopback")]
)
@pytest.mark.parametrize("server", ALL)
def test_http_and_the_connection_over_the_sessions_network(server, clock, network):
    said: list[Any] = []

    async def drive(http, ws):
        said.append((await http.get("/describe?q=1")).json())
        answer = await http.post("/describe", json={"n": 1}, headers={"X-Token": "t"})
        said.append((answer.status, answer.cookies, answer.json()))
        said.append((await http.post("/describe", content="plain")).json()["body"])
        await ws.connect()
        said.extend([await ws.recv(), await ws.recv(), len(await ws.recv())])

    recording = driven(site, drive, server=server, clock=clock, network=network)
    assert said == [
        {
            "method": "GET",
            "query": "q=1",
            "body": "",
            "type": None,
            "token": None,
            "cookies": {},
        },
        (
            418,
            {"a": "1", "b": "2"},
            {
                "method": "POST",
                "query": "",
                "body": '{"n": 1}',
                "type": "application/json",
                "token": "t",
                "cookies": {"a": "1", "b": "2"},
            },
        ),
        "plain",
        "text",
        b"\0\xff",
        200_000,
    ]
    assert [(e.method, e.path, e.status) for e in all_of(recording, HttpExchanged)] == [
        ("GET", "/describe", 418),
        ("POST", "/describe", 418),
        ("POST", "/describe", 418),
    ]
    assert asgi(recording)[-2:] == ["<disconnect 1000", "returned"]
    assert recording.read == 3


def test_what_the_command_line_gives_is_part_of_the_handshake_and_of_requests():
    seen: deque[Any] = deque(maxlen=9)  # of a list that grows more clients come

    async def app(scope, receive, send):
        if scope["type"] == "http":
            seen.append(dict(scope["headers"])[b"x-key"])
            await site({**scope, "path": "/describe"}, receive, send)
            return
        seen.append(
            (scope["query_string"], dict(scope["headers"])[b"x-key"], scope["subprotocols"])
        )
        await echo(scope, receive, send)

    async def drive(http, ws):
        await http.get("/")
        await ws.connect("/ws?sid=1")

    handshake = Handshake("/ws", "v=2", (("X-Key", "k"),), ("p",))
    driven(app, drive, handshake=handshake)
    assert list(seen) == [b"k", (b"sid=1&v=2", b"k", ["p"])]


@pytest.mark.parametrize("server", ALL)
def test_the_moment_and_the_script_come_after_the_driver(server):
    async def drive(http, ws):
        await ws.connect()
        await ws.send("one")
        assert await ws.recv() == "one"

    recording = driven(echo, drive, moment="after:2", server=server, script=(SendStep("two"),))
    assert [line for line in wire(recording) if "text" in line] == [
        ">text",
        "<text",
        ">text",
        "<text",
    ]


def test_a_burst_repeats_the_drivers_last_message():
    async def drive(http, ws):
        await ws.connect()
        await ws.send("first")
        await ws.send(b"\1\2")

    recording = driven(echo, drive, kind="burst", moment="idle")
    assert [(e.opcode, e.size) for e in all_of(recording, FrameSent)][2:-1] == [
        ("binary", 2)
    ] * BURST


def test_a_disconnect_may_come_in_the_middle_of_the_driver():
    told: list[str] = []

    async def drive(http, ws):
        await ws.connect()
        await ws.recv()
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    recording = driven(stream(), drive, kind="abort", moment="send#3+1")
    assert told == ["cancelled"]
    assert all_of(recording, ScriptStopped) == []
    assert asgi(recording)[-1] == "returned"


async def _ends_early(http, ws):
    await ws.connect()
    await ws.recv()


async def _hangs(http, ws):
    await ws.connect()
    await asyncio.Event().wait()


async def _raises(http, ws):
    await ws.connect()
    raise LookupError("nothing there")


async def _times_out(http, ws):
    await ws.connect()
    async with asyncio.timeout(1):
        await ws.recv()


async def _connects_twice(http, ws):
    await ws.connect()
    await ws.connect()


async def _sends_first(http, ws):
    await ws.send("too early")


FAILURES = [
    (_raises, "raised LookupError: nothing there"),
    (_times_out, "raised TimeoutError"),
    (_connects_twice, "raised ConnectionError: a driver has one connection"),
    (_sends_first, "raised ConnectionError: there is no connection yet"),
]


@pytest.mark.parametrize(
    "driver, did, moment",
    [
        *((driver, did, moment) for driver, did in FAILURES for moment in ("idle", "*")),
        # The others come as far as this moment, and what they do then is no matter.
        (*FAILURES[-1], "handshake"),
    ],
)
def test_what_the_driver_did_wrong_is_recorded_with_its_traceback(driver, did, moment):
    stopped = the(driven(echo, driver, moment=moment), ScriptStopped)
    assert stopped.driver.startswith(did)
    assert driver.__name__ in {frame.function for frame in stopped.exception.stack}


@pytest.mark.parametrize(
    "driver, waiting_for, at",
    [
        (_ends_early, "message 1", 35.0),
        (_hangs, "the driver, which had not returned after 120 s", 120.0),
    ],
)
def test_a_driver_that_does_not_come_to_its_end(driver, waiting_for, at):
    stopped = the(driven(echo, driver), ScriptStopped)
    assert (stopped.waiting_for, stopped.driver) == (waiting_for, "")
    assert stopped.time == pytest.approx(at, abs=0.05)


def test_the_second_visit_is_driven_too():
    """It shows whether what the first left behind grows: so it has to come as far."""
    visits: list[int] = []

    async def drive(http, ws):
        await ws.connect(f"/ws?visit={len(visits)}")
        visits.append(len(visits))

    async def app(scope, receive, send):
        if scope["type"] == "websocket":
            asyncio.create_task(asyncio.sleep(100_000), name="orphan")
        await echo(scope, receive, send)

    recording = driven(app, drive)
    assert visits == [0, 1]
    assert [len(all_of(recording, AppCalled, number)) for number in (1, 2)] == [1, 1]

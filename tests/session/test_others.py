"""Clients that differ: what is varied of a case, and what they show that clients which are alike do not."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.session.cells import SANSIO, USER_CODE, all_of
from wsdoctor.recording.case import Case, Handshake, SendStep
from wsdoctor.recording.events import ConnectionsKept, StackFrame
from wsdoctor.session.others import another, ways
from wsdoctor.session.run import SessionTarget, run_case

MANY = range(1, 13)


@pytest.mark.parametrize(
    "value, like",
    [
        ("1", r"[0-9]+"),
        ("-1", r"-[0-9]+"),
        ("099", r"[0-9]{3}"),
        ("1.0", r"1\.[0-9]+"),
        ("ann", r"[a-z]{3}"),
        ("ANN", r"[A-Z]{3}"),
        ("room1", r"room[0-9]+"),
        ("x", r"[a-z]"),
        ("a-", r"a-[a-z]"),
        ("", r"[a-z]"),
        ("507f1f77bcf86cd79943901f", r"[0-9a-f]{24}"),
        ("2024-01-01", r"2024-01-[0-9]{2}"),
    ],
)
def test_another_value_is_of_the_same_kind(value, like):
    others = {another(value, number) for number in MANY}
    assert len(others - {value}) == len(MANY)
    assert all(re.fullmatch(like, other) for other in others)


def test_another_uuid_is_one():
    given = "00000000-0000-4000-8000-0000000000ff"
    others = {uuid.UUID(another(given, number)) for number in MANY}
    assert len(others - {uuid.UUID(given)}) == len(MANY)
    assert {other.version for other in others} == {4}


SOURCE = """\
@app.websocket("/ws")
async def handler(ws: WebSocket, room: str, user: str = "ann", number: int = 3, me=Depends(me)):
    ws.query_params.get("device", "d7")
    ws.headers["x-tab"]
"""
HANDLER = StackFrame(file="app.py", line=1, function="handler", user=True, first_line=1)


def case(route: str = "/ws", *, path: str = "/ws", query: str = "", say: str = "") -> Case:
    script = (SendStep(text=say),) if say else ()
    return Case(route, SANSIO, "close", "idle", Handshake(path, query), script)


@pytest.mark.parametrize(
    "given, source, first",
    [
        (case(), "", []),
        (
            case("/ws/{room}/{user:int}", path="/ws/north%20sea/7"),
            "",
            ["/ws/north%20seb/8", "/ws/north%20seb/7", "/ws/north%20sea/8"],
        ),
        (case("/ws/{rest:path}", path="/ws/a/b"), "", ["/ws/a/c"]),
        (case(query="token=t&user=ann"), "", ["token=u&user=ano", "token=u&user=ann", "token=t&user=ano"]),
        (
            case("/ws/{room}", path="/ws/1"),
            SOURCE,
            ["/ws/2", "user=ano&number=4&device=d8", "user=ano", "number=4", "device=d8", "x-tab: y"],
        ),
        (case(say="north"), "", ["norti"]),
        (case(say='{"to": "ann", "n": 1, "on": true, "at": {}}'), "", ['{"to": "ano"', '"n": 2']),
    ],
)  # fmt: skip
def test_what_tells_clients_apart_is_varied(given, source, first):
    found = [way.case(1) for way in ways(given, {"app.py": source}, HANDLER)]
    assert len(found) == len(first)
    for one, part in zip(found, first, strict=True):
        headers = [f"{name}: {value}" for name, value in one.handshake.headers]
        said = [step.text for step in one.script if isinstance(step, SendStep)]
        assert part in " ".join(
            map(str, (one.handshake.path, one.handshake.query, *headers, *said))
        )
        assert one.id == given.id


def test_a_driver_is_the_users_and_always_the_same():
    driven = Case("/ws/{u}", SANSIO, "close", "idle", Handshake("/ws/x"), driver="driver.py:drive")
    assert not ways(driven, {}, None)


# --- in a session

Doing = Callable[[str, WebSocket], object]

by_user: dict[str, Any] = {}


def nothing(_user: str, _websocket: WebSocket) -> None:
    """What a handler does that leaves everything as it is."""


def put(user: str, websocket: WebSocket) -> None:
    by_user[user] = websocket


def put_callback(user: str, websocket: WebSocket) -> None:
    by_user[user] = websocket.send_text


def put_the_last(_user: str, websocket: WebSocket) -> None:
    by_user["last"] = websocket


def put_a_few(user: str, websocket: WebSocket) -> None:
    by_user[user] = websocket
    while len(by_user) > 5:
        del by_user[next(iter(by_user))]


def put_later_gone(user: str, websocket: WebSocket) -> None:
    """A user who comes back within ten minutes goes on; another connection takes it over."""
    put(user, websocket)
    asyncio.get_running_loop().call_later(600, by_user.pop, user, None)


def put_known(user: str, websocket: WebSocket) -> None:
    if user != "ann":
        raise ValueError(user)
    put(user, websocket)


def kept(come: Doing, go: Doing = nothing, kind: str = "close") -> list[ConnectionsKept]:
    by_user.clear()

    async def handler(websocket: WebSocket) -> None:
        user = websocket.path_params["user"]
        await websocket.accept()
        come(user, websocket)
        with suppress(WebSocketDisconnect):
            while True:
                await websocket.receive_text()
        go(user, websocket)

    app = Starlette(routes=[WebSocketRoute("/ws/{user}", handler)])
    recording = run_case(
        Case("/ws/{user}", SANSIO, kind, "idle", Handshake("/ws/ann")),
        SessionTarget(app, "starlette", USER_CODE),
    )
    assert {getattr(event, "connection", 1) for event in recording.events} <= {1, 2}
    return all_of(recording, ConnectionsKept)


@pytest.mark.parametrize("kind", ["close", "abort"])
@pytest.mark.parametrize("come", [put, put_callback])
def test_the_connection_of_each_user_that_stays_is_kept(come, kind):
    (event,) = kept(come, kind=kind)
    assert (event.count, event.apart) == (12, "`user` in the path")
    assert [(holder.name, holder.container) for holder in event.holders] == [("by_user", "dict")]


@pytest.mark.parametrize(
    "come, go",
    [
        (put, lambda user, _: by_user.pop(user)),
        (put_the_last, nothing),
        (put_a_few, nothing),
        (put_later_gone, nothing),
        (put_known, nothing),
    ],
    ids=["taken out", "the last one", "the last few", "for ten minutes", "refused"],
)
def test_what_is_taken_out_or_bounded_or_for_one_user_is_not(come, go):
    assert not kept(come, go)

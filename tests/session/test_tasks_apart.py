"""A task for each name that clients give: it ends with the last client of that name, or it never ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.session.cells import SANSIO, USER_CODE, all_of
from wsdoctor.diagnosis.cancellations import cancelled_at
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.rule import Occurrence
from wsdoctor.recording.case import Case, Handshake
from wsdoctor.recording.events import StackFrame, TasksKeptApart
from wsdoctor.recording.recording import Recording
from wsdoctor.session.run import SessionTarget, run_case

polls: dict[str, asyncio.Task[None]] = {}
loops: dict[str, asyncio.Task[None]] = {}
members: dict[str, set[WebSocket]] = {}


async def poll() -> None:
    while True:
        await asyncio.sleep(5)


async def for_ten_minutes() -> None:
    await asyncio.sleep(600)


async def read(websocket: WebSocket) -> int:
    """The code with which the client leaves."""
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect as gone:
        return gone.code


async def ends_after_a_close_frame(user: str, websocket: WebSocket) -> None:
    if user not in polls:
        polls[user] = asyncio.create_task(poll())
    if await read(websocket) == 1000:
        polls.pop(user).cancel()


async def ends_with_the_last(user: str, websocket: WebSocket) -> None:
    present = members.setdefault(user, set())
    present.add(websocket)
    if user not in polls:
        polls[user] = asyncio.create_task(poll())
    try:
        await read(websocket)
    finally:
        present.discard(websocket)
        if not present:
            polls.pop(user).cancel()


async def never_ends(user: str, websocket: WebSocket) -> None:
    if user not in loops:
        loops[user] = asyncio.create_task(poll())
    await read(websocket)


async def ends_by_itself(user: str, websocket: WebSocket) -> None:
    if user not in polls:
        polls[user] = asyncio.create_task(for_ten_minutes())
    await read(websocket)


async def is_one_for_all(_user: str, websocket: WebSocket) -> None:
    if "all" not in polls:
        polls["all"] = asyncio.create_task(poll())
    await read(websocket)


async def knows_its_users(user: str, websocket: WebSocket) -> None:
    if user != "ann":
        raise ValueError(user)
    await never_ends(user, websocket)


def recorded(serve: Any, kind: str) -> Recording:
    for kept in (polls, loops, members):
        kept.clear()

    async def handler(websocket: WebSocket) -> None:
        user = websocket.path_params["user"]
        await websocket.accept()
        await serve(user, websocket)

    app = Starlette(routes=[WebSocketRoute("/ws/{user}", handler)])
    return run_case(
        Case("/ws/{user}", SANSIO, kind, "idle", Handshake("/ws/ann")),
        SessionTarget(app, "starlette", USER_CODE),
    )


def causes(serve: Any, kind: str) -> list[Occurrence]:
    return [cause.occurrence for cause in diagnose(recorded(serve, kind)).causes]


def test_a_task_that_is_not_cancelled_for_each_name_is_left():
    (found,) = causes(ends_after_a_close_frame, "abort")
    assert (found.code, found.severity) == ("WSD301", "error")
    assert found.place is not None
    assert found.place.function == "ends_after_a_close_frame"
    assert (
        "each of 4 clients with another value of `user` in the path left one" in found.evidence[0]
    )
    assert "polls.pop(user).cancel()" in found.evidence[-1]
    assert not causes(ends_after_a_close_frame, "close")


def test_one_that_no_line_cancels_is_a_remark_where_its_client_left_quietly():
    (found,) = causes(never_ends, "close")
    assert (found.code, found.severity) == ("WSD301", "info")
    assert not causes(never_ends, "abort")


@pytest.mark.parametrize("kind", ["close", "abort"])
@pytest.mark.parametrize(
    "serve", [ends_with_the_last, ends_by_itself, is_one_for_all, knows_its_users]
)
def test_what_ends_or_is_there_once_is_not_left(serve, kind):
    recording = recorded(serve, kind)
    assert not all_of(recording, TasksKeptApart)
    assert all(cause.occurrence.severity == "info" for cause in diagnose(recording).causes)


@pytest.mark.parametrize(
    "source, line, expected",
    [
        ("task = create_task(f())\ntask.cancel()", 1, 2),
        ("self.task = create_task(f())\nroom.task.cancel()", 1, 2),
        ("self.task: Task = create_task(f())\nroom.task.cancel()", 1, 2),
        ("tasks[name] = create_task(f())\ntasks.pop(name).cancel()", 1, 2),
        ("tasks.append(\n    create_task(f())\n)\ntasks[-1].cancel()", 2, 4),
        # all of them, as the application stops
        ("tasks.add(create_task(f()))\nfor t in tasks:\n    t.cancel()", 1, 0),
        ("tasks[name] = create_task(f())\n[t.cancel() for t in tasks.values()]", 1, 0),
        ("task = create_task(f())\nother.cancel()", 1, 0),
        ("create_task(f())\ntask.cancel()", 1, 0),
        ("task = create_task(", 1, 0),
    ],
)
def test_the_line_that_is_to_cancel_a_task_is_found_by_the_name_that_keeps_it(
    source, line, expected
):
    started = StackFrame(file="app.py", line=line, function="f", user=True, first_line=1)
    assert cancelled_at({"app.py": source}, started)[0] == expected

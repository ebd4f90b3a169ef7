"""A client that leaves its place taken: those that come after it are refused, for good.

Beside each the closest application that refuses for a reason, for a time, or not at all.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import Any

import pytest

from tests.session.apps import application
from tests.session.cells import all_of, run
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.rule import Occurrence
from wsdoctor.recording.events import ContainersGrew


class Quota:
    """At most ``limit`` connections of a user at a time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used: Counter[str] = Counter()

    def take(self, user: str) -> bool:
        if self.used[user] >= self.limit:
            return False
        self.used[user] += 1
        return True

    def give(self, user: str) -> None:
        self.used[user] -= 1


quota = Quota(1)
online: set[str] = set()
tickets: set[str] = set()
credit = {"anna": 2}
calls: deque[float] = deque()
vacant = {"left": 2}


async def listen(receive: Any) -> int:
    while (message := await receive())["type"] != "websocket.disconnect":
        pass
    return int(message["code"])


async def refuse(send: Any) -> None:
    await send({"type": "websocket.close", "code": 4429})


@application
async def gives_back_after_a_close_frame(scope, receive, send):
    await receive()
    if not quota.take("anna"):
        await refuse(send)
        return
    await send({"type": "websocket.accept"})
    if await listen(receive) == 1000:
        quota.give("anna")


@application
async def gives_back_always(scope, receive, send):
    await receive()
    if not quota.take("anna"):
        await refuse(send)
        return
    try:
        await send({"type": "websocket.accept"})
        await listen(receive)
    finally:
        quota.give("anna")


@application
async def leaves_its_name(scope, receive, send):
    await receive()
    if "anna" in online:
        await refuse(send)
        return
    online.add("anna")
    await send({"type": "websocket.accept"})
    if await listen(receive) == 1000:
        online.discard("anna")


@application
async def takes_its_name_back(scope, receive, send):
    await receive()
    if "anna" in online:
        await refuse(send)
        return
    online.add("anna")
    try:
        await send({"type": "websocket.accept"})
        await listen(receive)
    finally:
        online.discard("anna")


@application
async def leaves_fewer_seats(scope, receive, send):
    await receive()
    if not vacant["left"]:
        await refuse(send)
        return
    vacant["left"] -= 1
    await send({"type": "websocket.accept"})
    if await listen(receive) == 1000:
        vacant["left"] += 1


@application
async def lets_a_ticket_in_once(scope, receive, send):
    await receive()
    if "ticket" in tickets:
        await refuse(send)
        return
    tickets.add("ticket")
    await send({"type": "websocket.accept"})
    await listen(receive)


@application
async def takes_credit(scope, receive, send):
    await receive()
    if not credit["anna"]:
        await refuse(send)
        return
    credit["anna"] -= 1
    await send({"type": "websocket.accept"})
    await listen(receive)


def is_paid(user: str, amount: int) -> None:
    """Called by nothing here: another part of the application takes the money."""
    credit[user] += 1 if amount else 0


@application
async def lets_two_a_minute_in(scope, receive, send):
    await receive()
    now = asyncio.get_running_loop().time()
    while calls and calls[0] < now - 600:
        calls.popleft()
    if len(calls) >= 2:
        await refuse(send)
        return
    calls.append(now)
    await send({"type": "websocket.accept"})
    await listen(receive)


def errors(app: Any, kind: str, moment: str = "idle") -> list[Occurrence]:
    found = diagnose(run(app, kind, moment)).causes
    return [cause.occurrence for cause in found if cause.occurrence.severity == "error"]


@pytest.fixture(autouse=True)
def as_new() -> None:
    quota.used.clear()
    quota.limit = 1
    for container in (online, tickets, calls):
        container.clear()
    credit["anna"] = vacant["left"] = 2


@pytest.mark.parametrize("limit", [1, 2, 3, 6])
def test_a_number_that_is_not_brought_back_is_found_before_its_limit_hides_it(limit):
    quota.limit = limit
    (found,) = errors(gives_back_after_a_close_frame, "abort")
    assert found.code == "WSD305"
    assert found.place is not None
    assert found.place.function == "take"
    assert "`used` of `Quota` goes up with every client" in found.message
    assert ("until no more are let in" in found.message) is (limit < 6)


@pytest.mark.parametrize("app", [leaves_its_name, leaves_fewer_seats])
def test_so_is_a_name_that_stays_and_a_number_that_goes_down(app):
    (found,) = errors(app, "abort")
    assert found.code == "WSD305"
    assert "until no more are let in" in found.message


@pytest.mark.parametrize("kind", ["close", "abort"])
@pytest.mark.parametrize(
    "app",
    [
        gives_back_always,
        takes_its_name_back,
        lets_a_ticket_in_once,
        takes_credit,
        lets_two_a_minute_in,
    ],
)
def test_who_is_refused_for_a_reason_or_for_a_time_is_not(app, kind):
    assert not errors(app, kind)


def test_whether_the_next_ones_are_refused_is_recorded():
    (event,) = all_of(run(leaves_its_name, "abort", "idle"), ContainersGrew)
    assert (event.refused, event.count, event.comes_back) == (True, 1, False)

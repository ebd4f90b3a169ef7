"""What a connection takes from a pool, and whether it is back when the connection is over."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from litestar import Litestar, WebSocket, websocket
from litestar.channels import ChannelsPlugin
from litestar.channels.backends.memory import MemoryChannelsBackend
from litestar.exceptions import WebSocketDisconnect

from tests.session.apps import application
from tests.session.cells import all_of, run
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.recording.case import SCARCE
from wsdoctor.recording.events import ResourcesLeft
from wsdoctor.session import pools


class Borrowed:
    pass


class Pool:
    """Lends as long as it has something."""

    def __init__(self, size: int) -> None:
        self.idle = [Borrowed() for _ in range(size)]
        self.back = asyncio.Condition()

    async def take(self) -> Borrowed:
        async with self.back:
            await self.back.wait_for(lambda: self.idle)
            return self.idle.pop()

    def take_now(self) -> Borrowed:
        return self.idle.pop()

    async def give(self, thing: Borrowed) -> None:
        async with self.back:
            self.idle.append(thing)
            self.back.notify()


def still_out(pool: Any, thing: Any) -> pools.IsOut:
    return lambda: thing not in pool.idle


ADAPTERS = (
    pools.Adapter(__name__, "Pool", "take", "seat", still_out),
    pools.Adapter(__name__, "Pool", "take_now", "seat", still_out, "give"),
)


@pytest.fixture(params=[ADAPTERS[:1], ADAPTERS[1:]], ids=["by-state", "by-return"])
def adapter(request, monkeypatch):
    monkeypatch.setattr(pools, "ADAPTERS", request.param)
    return request.param[0]


async def taken(pool: Pool, adapter: pools.Adapter) -> Borrowed:
    thing = getattr(pool, adapter.takes)()
    return await thing if asyncio.iscoroutine(thing) else thing


def using(pool: Pool, adapter: pools.Adapter, *, gives_back: bool) -> Any:
    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        thing = await taken(pool, adapter)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        if gives_back:
            await pool.give(thing)

    return app


def left(recording: Any, connection: int = 1) -> list[list[tuple[str, str, bool]]]:
    """At each look, what is out, and whether another connection did not get one."""
    return [
        [(item.kind, item.what, bool(item.starved)) for item in event.resources]
        for event in all_of(recording, ResourcesLeft, connection)
    ]


OUT = [("taken", "seat", False)]


def test_what_no_client_gives_back(adapter):
    recording = run(using(Pool(5), adapter, gives_back=False))
    for number in (1, 2, 3):
        assert left(recording, number)[-1] == OUT
    (first, *_) = all_of(recording, ResourcesLeft)
    assert first.resources[0].stack[-1].function == "taken"
    assert left(recording, 4) == []


def test_what_every_client_gives_back(adapter):
    assert left(run(using(Pool(1), adapter, gives_back=True))) == []


def test_the_next_client_waits_for_what_the_first_one_took(monkeypatch):
    monkeypatch.setattr(pools, "ADAPTERS", ADAPTERS[:1])
    recording = run(using(Pool(1), ADAPTERS[0], gives_back=False))
    assert left(recording)[-1] == [("taken", "seat", True)]
    assert left(recording, 2) == []


def news(*, unsubscribes: bool) -> Litestar:
    channels = ChannelsPlugin(MemoryChannelsBackend(), channels=["news"])

    @websocket("/ws")
    async def handler(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        subscriber = await channels.subscribe("news")
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await socket.receive_text()
        if unsubscribes:
            await channels.unsubscribe(subscriber)

    return Litestar([handler], plugins=[channels], openapi_config=None)


@pytest.mark.parametrize("unsubscribes", [False, True])
def test_subscribers_of_litestars_channels(unsubscribes):
    recording = run(news(unsubscribes=unsubscribes))
    found = [what for look in left(recording)[-1:] for _, what, _ in look]
    assert found == ([] if unsubscribes else ["subscriber of Channels"])


def shrink(pool: Pool) -> Any:
    held, pool.idle[1:] = pool.idle[1:], []
    return lambda: pool.idle.extend(held)


SHRINKING = pools.Adapter(__name__, "Pool", "take", "seat", still_out, shrink=shrink)


def scarce(pool: Pool, monkeypatch: Any, keep: Callable[[int], bool], *, take: int = 1) -> Any:
    """The recording of a client that takes the last thing of ``pool``.

    Clients are counted from 1, and the third is the one of the case. ``keep(number)``: whether that
    one gives back what it took.
    """
    monkeypatch.setattr(pools, "ADAPTERS", (SHRINKING,))
    numbers = itertools.count(1)

    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        number = next(numbers)
        things = [await pool.take() for _ in range(take)]
        while (await receive())["type"] != "websocket.disconnect":
            pass
        for thing in () if keep(number) else things:
            await pool.give(thing)

    return run(app, "close", f"{SCARCE}:idle")


def judged(recording: Any) -> list[tuple[str, str]]:
    diagnosed = diagnose(recording)
    assert diagnosed.result.verdict == ("defective" if diagnosed.causes else "healthy")
    return [(cause.occurrence.code, cause.occurrence.severity) for cause in diagnosed.causes]


def test_the_last_thing_of_a_pool_is_not_given_back(monkeypatch):
    """Only the third client keeps one: with enough of them, no other would wait."""
    pool = Pool(8)
    recording = scarce(pool, monkeypatch, lambda number: number == 3)
    assert recording.pooled
    assert left(recording)[-1] == [("taken", "seat", True)]
    assert judged(recording) == [("WSD309", "warning")]
    assert len(pool.idle) == 7


@pytest.mark.parametrize(
    "keep, take",
    [
        (lambda number: False, 1),
        (lambda number: number == 1, 1),  # the first one to come takes the application's own
        (lambda number: False, 2),  # a client needs two: with one to lend it only waits
        (lambda number: number == 3, 2),
    ],
    ids=["gives-back", "application's-own", "two-at-once", "two-at-once-kept"],
)
def test_that_one_is_too_few_is_no_finding(monkeypatch, keep, take):
    pool = Pool(8)
    assert judged(scarce(pool, monkeypatch, keep, take=take)) == []

"""A client that comes back, and loses a part of its messages with its old connection; what may differ."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.session.apps import application
from tests.session.cells import SANSIO, run
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.rule import Occurrence
from wsdoctor.recording.case import SendStep

Receive = Callable[[], Any]
Say = Callable[[str], Awaitable[None]]


class Session:
    """The state of a user, shared by old and new connections."""

    ticker: asyncio.Task[None] | None = None
    missed = 0
    members = 0


SESSION = Session()


@pytest.fixture(autouse=True)
def anew() -> None:
    SESSION.ticker = None
    SESSION.missed = SESSION.members = 0


def accepting(handler: Any) -> Any:
    @application
    async def app(_scope: Any, receive: Receive, send: Any) -> None:
        async def say(text: str) -> None:
            await send({"type": "websocket.send", "text": text})

        await receive()
        await send({"type": "websocket.accept"})
        await handler(receive, say)

    return app


def found(handler: Any) -> list[Occurrence]:
    recording = run(
        accepting(handler), "reconnect", "idle", SANSIO, script=(SendStep(text="hello"),)
    )
    return [cause.occurrence for cause in diagnose(recording).causes]


async def ticks(say: Say) -> None:
    number = 0
    while True:
        number += 1
        await say(f"tick {number}")
        await asyncio.sleep(1)


async def echoes(receive: Receive, say: Say) -> None:
    while (message := await receive())["type"] != "websocket.disconnect":
        await say(f"you said {message['text']}")


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def stops_the_ticker_of_the_user(receive: Receive, say: Say) -> None:
    SESSION.ticker = asyncio.create_task(ticks(say))
    try:
        await echoes(receive, say)
    finally:
        SESSION.ticker.cancel()


async def stops_its_own(receive: Receive, say: Say) -> None:
    ticker = SESSION.ticker = asyncio.create_task(ticks(say))
    try:
        await echoes(receive, say)
    finally:
        await end(ticker)


async def says_that_one_has_left(receive: Receive, say: Say) -> None:
    """A notice to those who stay, a count of members, and what was missed."""
    SESSION.members += 1
    await say(f"{SESSION.members} members")
    if SESSION.missed:
        await say(f"you missed {SESSION.missed} messages")
    ticker = asyncio.create_task(ticks(say))
    try:
        await echoes(receive, say)
    finally:
        SESSION.members -= 1
        SESSION.missed += 3
        await end(ticker)


async def says_anything(receive: Receive, say: Say) -> None:
    """Messages at random, of a few words."""
    words = random.Random(4)  # noqa: S311 - no secret

    async def talk() -> None:
        while True:
            await say(words.choice(["red", "green", "blue"]))
            await asyncio.sleep(1)

    talker = asyncio.create_task(talk())
    try:
        await echoes(receive, say)
    finally:
        await end(talker)


async def stops_by_itself(receive: Receive, say: Say) -> None:
    """The first ten seconds of each connection have ticks."""

    async def at_first() -> None:
        for number in range(10):
            await say(f"tick {number}")
            await asyncio.sleep(1)

    ticker = asyncio.create_task(at_first())
    try:
        await echoes(receive, say)
    finally:
        await end(ticker)


async def changes_its_words(receive: Receive, say: Say) -> None:
    """While the client has two connections it gets other words: as many as before."""
    SESSION.members += 1

    async def greet() -> None:
        while True:
            await say("both of you" if SESSION.members > 1 else "just you")
            await asyncio.sleep(1)

    greeter = asyncio.create_task(greet())
    try:
        await echoes(receive, say)
    finally:
        SESSION.members -= 1
        await end(greeter)


def test_a_ticker_that_the_old_connection_stops_is_missed_though_echoes_go_on():
    (item,) = found(stops_the_ticker_of_the_user)
    assert (item.code, item.severity, item.fault) == ("WSD406", "error", "app")
    assert "misses a part of its messages" in item.message
    assert item.place is not None
    code = stops_the_ticker_of_the_user.__code__
    assert item.place.line == code.co_firstlineno + 5


@pytest.mark.parametrize(
    "handler",
    [
        stops_its_own,
        says_that_one_has_left,
        says_anything,
        stops_by_itself,
        changes_its_words,
    ],
)
def test_what_may_differ_is_none(handler):
    assert found(handler) == []

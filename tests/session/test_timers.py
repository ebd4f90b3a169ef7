"""Holders of a connection that is over: a timer of the event loop, or the cache of a function."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

from tests.session.apps import _accept, application
from tests.session.cells import run
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.rule import Occurrence

SEATS: dict[int, str] = {}
LONG = 36_000.0


def found(app: Any) -> list[Occurrence]:
    return [cause.occurrence for cause in diagnose(run(app)).causes]


async def _reads(receive: Any) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass


@application
async def timer_left(scope: Any, receive: Any, send: Any) -> None:
    await _accept(receive, send)
    loop = asyncio.get_running_loop()
    loop.call_later(LONG, SEATS.pop, 1, send)  # <- timer
    await _reads(receive)


@application
async def timer_at_left(scope: Any, receive: Any, send: Any) -> None:
    await _accept(receive, send)
    loop = asyncio.get_running_loop()
    loop.call_at(loop.time() + LONG, lambda: send)  # <- timer
    await _reads(receive)


@application
async def timer_cancelled(scope: Any, receive: Any, send: Any) -> None:
    await _accept(receive, send)
    timer = asyncio.get_running_loop().call_later(LONG, SEATS.pop, 1, send)
    await _reads(receive)
    timer.cancel()


@application
async def timer_without_it(scope: Any, receive: Any, send: Any) -> None:
    await _accept(receive, send)
    asyncio.get_running_loop().call_later(LONG, SEATS.pop, 1, None)
    await _reads(receive)


@functools.cache
def profile(who: object) -> str:  # <- cache
    return repr(who)


@application
async def cached(scope: Any, receive: Any, send: Any) -> None:
    await _accept(receive, send)
    profile(send)
    await _reads(receive)


@functools.lru_cache(maxsize=2)
def profile_of_few(who: object) -> str:
    return repr(who)


@application
async def cached_with_a_limit(scope: Any, receive: Any, send: Any) -> None:
    await _accept(receive, send)
    profile_of_few(send)
    await _reads(receive)


@pytest.mark.parametrize(
    "app, setting, says",
    [
        (timer_left, "timer", "a timer of `call_later` at"),
        (timer_at_left, "timer", "a timer of `call_at` at"),
        (cached, "cache", "`profile` (a cache) at"),
    ],
)
def test_it_names_the_users_line(app, setting, says):
    (item,) = found(app)
    assert (item.code, item.setting, item.severity) == ("WSD305", setting, "error")
    assert item.message.startswith(f"{says} test_timers.py:")
    assert item.place is not None
    with open(__file__, encoding="utf-8") as source:
        assert source.readlines()[item.place.line - 1].rstrip().endswith(f"# <- {setting}")


@pytest.mark.parametrize("app", [timer_cancelled, timer_without_it, cached_with_a_limit])
def test_what_is_given_back_is_clean(app):
    assert found(app) == []

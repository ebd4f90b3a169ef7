"""Code that sets timers by the date, which does not advance with virtual time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from wsdoctor.sim.engine import MemoryEventLoop

TURNS = 8


def works() -> None:
    """A millisecond of the application's own."""
    until = time.monotonic() + 0.001
    while time.monotonic() < until:
        pass


def found(coroutine) -> str:
    loop = MemoryEventLoop()
    try:
        loop.run_until_complete(coroutine)
        return loop.by_date
    finally:
        loop.close()


async def on_the_minute():
    """The job runs, at a time that is not the one it was meant for."""
    due = datetime.now(UTC) + timedelta(minutes=1)
    for _ in range(TURNS):
        works()
        await asyncio.sleep((due - datetime.now(UTC)).total_seconds())


async def on_the_minute_or_when_told():
    due = time.time() + 60
    told = asyncio.Event()
    for _ in range(TURNS):
        works()
        try:
            await asyncio.wait_for(told.wait(), due - time.time())
        except TimeoutError:
            continue


class Scheduler:
    """As APScheduler: its job is never due."""

    def __init__(self) -> None:
        self.due = datetime.now(UTC) + timedelta(seconds=30)
        self.woken = 0
        self.over = asyncio.Event()

    def wake_up(self) -> None:
        works()
        self.woken += 1
        if self.woken == TURNS:
            self.over.set()
            return
        left = (self.due - datetime.now(UTC)).total_seconds()
        asyncio.get_running_loop().call_later(left, self.wake_up)


async def scheduled():
    scheduler = Scheduler()
    scheduler.wake_up()
    await scheduler.over.wait()


async def every_minute():
    for _ in range(TURNS):
        works()
        await asyncio.sleep(60)


async def less_and_less():
    for turn in range(TURNS):
        works()
        await asyncio.sleep(1 / (turn + 1))


async def a_little_less():
    for turn in range(TURNS):
        works()
        await asyncio.sleep(60 - turn / 10)


async def on_the_loops_clock():
    loop = asyncio.get_running_loop()
    due = loop.time()
    for _ in range(TURNS):
        works()
        due += 60
        await asyncio.sleep(due - loop.time())


async def until_a_deadline():
    """Each wait is cut short by what comes, and the next one is for what is left."""
    loop = asyncio.get_running_loop()
    due = loop.time() + 60
    for _ in range(TURNS):
        works()
        came = loop.create_future()
        loop.call_later(0.001, came.set_result, None)
        await asyncio.wait_for(came, due - loop.time())


@pytest.mark.parametrize(
    "by_date, name",
    [
        (on_the_minute, "on_the_minute"),
        (on_the_minute_or_when_told, "on_the_minute_or_when_told"),
        (scheduled, "Scheduler.wake_up"),
    ],
)
def test_the_code_that_waits_until_a_date_is_named(by_date, name):
    assert found(by_date()) == name


@pytest.mark.parametrize(
    "by_time", [every_minute, less_and_less, a_little_less, on_the_loops_clock, until_a_deadline]
)
def test_a_handler_that_waits_for_that_long_is_not(by_time):
    assert found(by_time()) == ""

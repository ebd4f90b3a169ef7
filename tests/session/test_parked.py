"""Data kept for a client that may come back: its timer fires, is due later, or was never set."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from tests.session.apps import application
from tests.session.cells import all_of, run
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.recording.events import ContainersGrew

parts: dict[int, list[str]] = {}
numbers = itertools.count()


def park(number: int, after: float) -> None:
    asyncio.get_running_loop().call_later(after, drop, number)


def drop(number: int) -> None:
    parts.pop(number, None)


def parking(after: float | None) -> Any:
    """An application that keeps data for ``after`` seconds after an unclean end; with None, for ever."""

    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        number = next(numbers)
        parts[number] = []
        while (message := await receive())["type"] != "websocket.disconnect":
            pass
        if message["code"] == 1000:
            drop(number)
        elif after is not None:
            park(number, after)

    return app


@pytest.fixture(autouse=True)
def as_new() -> None:
    parts.clear()


@pytest.mark.parametrize(
    "after, scheduled, codes",
    [(None, [False], ["WSD305"]), (60, [], []), (86_400, [True], [])],
    ids=["never", "a minute", "a day"],
)
def test_a_timer_that_was_never_set_throws_nothing_away(after, scheduled, codes):
    recording = run(parking(after), "abort", "idle")
    assert [event.scheduled for event in all_of(recording, ContainersGrew)] == scheduled
    causes = [cause.occurrence for cause in diagnose(recording).causes]
    assert [item.code for item in causes if item.severity == "error"] == codes

"""A handler that waits for room in a queue: the reason is the task that took from it, and has ended."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.session.apps import _accept, application
from tests.session.cells import WSPROTO, run
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.findings import findings
from wsdoctor.diagnosis.rule import Occurrence


def _marked(mark: str) -> int:
    with open(__file__, encoding="utf-8") as source:
        return next(
            number for number, line in enumerate(source, 1) if line.endswith(f"# <- {mark}\n")
        )


async def _write(send: Any, queue: asyncio.Queue[str]) -> None:
    while True:
        await send({"type": "websocket.send", "text": await queue.get()})


async def _reads(receive: Any) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass


@application
async def full(scope: Any, receive: Any, send: Any) -> None:
    """The producer fills the queue of a writer that dies with the first refused send."""
    await _accept(receive, send)
    queue: asyncio.Queue[str] = asyncio.Queue(2)
    writer = asyncio.create_task(_write(send, queue))  # <- writer
    while not writer.cancelled():
        await queue.put("news")  # <- news
        await asyncio.sleep(0.1)


@application
async def full_twice(scope: Any, receive: Any, send: Any) -> None:
    """It may stand at either of two lines."""
    await _accept(receive, send)
    queue: asyncio.Queue[str] = asyncio.Queue(1)
    writer = asyncio.create_task(_write(send, queue))  # <- both
    while not writer.cancelled():
        await queue.put("news")
        await asyncio.sleep(0.1)
        await queue.put("more")
        await asyncio.sleep(0.1)


@application
async def never_taken(scope: Any, receive: Any, send: Any) -> None:
    """No task takes from it, so none has died."""
    await _accept(receive, send)
    queue: asyncio.Queue[str] = asyncio.Queue(1)
    await _reads(receive)
    await queue.put("a")
    await queue.put("b")


@application
async def another_queue(scope: Any, receive: Any, send: Any) -> None:
    """The task that has ended took from another one."""
    await _accept(receive, send)
    queue: asyncio.Queue[str] = asyncio.Queue(1)
    full: asyncio.Queue[str] = asyncio.Queue(1)
    writer = asyncio.create_task(_write(send, queue))
    await _reads(receive)
    await queue.put("a")
    await asyncio.wait([writer])
    await full.put("a")
    await full.put("b")


@application
async def ends_with_its_writer(scope: Any, receive: Any, send: Any) -> None:
    await _accept(receive, send)
    queue: asyncio.Queue[str] = asyncio.Queue(2)
    writer = asyncio.create_task(_write(send, queue))
    try:
        await _reads(receive)
        queue.put_nowait("bye")
    finally:
        writer.cancel()
        await asyncio.wait([writer])


def found(app: Any, kind: str = "close") -> list[Occurrence]:
    return [cause.occurrence for cause in diagnose(run(app, kind, server=WSPROTO)).causes]


@pytest.mark.parametrize("kind, code", [("close", "WSD402"), ("shutdown", "WSD403")])
def test_the_end_of_the_consumer_is_reported_with_the_wait_that_never_ends(kind, code):
    (item,) = found(full, kind)
    assert (item.code, item.place and item.place.line) == (code, _marked("news"))
    assert "the task `_write` started at test_dead_consumer.py:" in item.message
    assert "has ended with ClientDisconnected" in item.message
    assert item.because is not None
    assert item.because.line == _marked("writer")


@pytest.mark.parametrize("app", [never_taken, another_queue])
def test_a_wait_that_has_another_reason_says_nothing_of_it(app):
    (item,) = (item for item in found(app) if item.code == "WSD402")
    assert item.because is None
    assert "has ended" not in item.message


def test_one_dead_consumer_is_one_finding_whichever_line_waits():
    cases = [
        diagnose(run(full_twice, "close", moment, server=WSPROTO))
        for moment in ("after:1", "after:2")
    ]
    stuck = [cause.occurrence for case in cases for cause in case.causes]
    assert {item.code for item in stuck} == {"WSD402"}
    assert len({item.place and item.place.line for item in stuck}) == 2
    (exhibit,) = findings(cases)
    assert exhibit.finding.moments.failing == 2
    assert any("the same happens at" in line for line in exhibit.finding.evidence)


def test_two_waits_of_other_reasons_are_two_findings():
    cases = [diagnose(run(app, server=WSPROTO)) for app in (never_taken, full)]
    codes = [item.finding.code for item in findings(cases)]
    assert codes.count("WSD402") == 2


def test_a_handler_that_ends_with_its_consumer_is_clean():
    assert found(ends_with_its_writer) == []

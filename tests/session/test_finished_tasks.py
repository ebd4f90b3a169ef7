"""Tasks that are done and still in a container: of every client one more, or taken out when they are done."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.session.apps import application
from tests.session.cells import all_of, run
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.rule import Occurrence
from wsdoctor.recording.events import ContainersGrew

jobs: set[asyncio.Task[None]] = set()
senders: list[asyncio.Task[None]] = []
results: dict[int, asyncio.Task[None]] = {}
fetched: set[asyncio.Task[None]] = set()
numbers = itertools.count()


async def work() -> None:
    await asyncio.sleep(3)


def starts(keep: Callable[[asyncio.Task[None]], object], *, cancels: bool = False) -> Any:
    """An application that starts a task for each client, and gives it to ``keep``."""

    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        task = asyncio.create_task(work())
        keep(task)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        if cancels:
            task.cancel()

    return app


def kept_for_ever(task: asyncio.Task[None]) -> None:
    jobs.add(task)


def taken_out_when_done(task: asyncio.Task[None]) -> None:
    fetched.add(task)
    task.add_done_callback(fetched.discard)


def kept_by_name(task: asyncio.Task[None]) -> None:
    results[next(numbers)] = task


def causes(app: Any) -> list[Occurrence]:
    found = diagnose(run(app, "close", "idle")).causes
    return [cause.occurrence for cause in found if cause.occurrence.code == "WSD305"]


@pytest.fixture(autouse=True)
def as_new() -> None:
    for container in (jobs, senders, results, fetched):
        container.clear()


@pytest.mark.parametrize(
    "keep, cancels, name",
    [(kept_for_ever, False, "jobs"), (senders.append, True, "senders")],
)
def test_a_finished_task_of_every_client_is_too_much(keep, cancels, name):
    (found,) = causes(starts(keep, cancels=cancels))
    assert (found.severity, found.setting) == ("error", "finished")
    assert f"`{name}` (a {type(globals()[name]).__name__}) keeps a finished task" in found.message


def test_one_that_is_taken_out_when_it_is_done_is_not():
    app = starts(taken_out_when_done)
    assert not causes(app)
    assert not all_of(run(app, "close", "idle"), ContainersGrew)


def test_one_whose_result_may_be_asked_for_by_a_name_is_a_history():
    (found,) = causes(starts(kept_by_name))
    assert (found.severity, found.setting) == ("info", "history")


def kept_beside_one_that_is_taken_out(task: asyncio.Task[None]) -> None:
    fetched.add(task)
    taken_out_when_done(asyncio.create_task(work()))


def test_that_another_task_is_taken_out_when_it_is_done_is_no_limit():
    (found,) = causes(starts(kept_beside_one_that_is_taken_out))
    assert (found.severity, found.setting) == ("error", "finished")

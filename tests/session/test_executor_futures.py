"""An unretrieved exception of a call in another thread is reported at the line that made the future."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.session.apps import application
from tests.session.cells import run
from wsdoctor.diagnosis.diagnose import diagnose

pool = ThreadPoolExecutor(1)


def fail() -> None:
    raise ValueError("in a thread")


def work() -> None:
    """A call that does not fail."""


def by_the_loop(call: Any) -> asyncio.Future[None]:
    return asyncio.get_running_loop().run_in_executor(None, call)


def by_a_pool(call: Any) -> asyncio.Future[None]:
    return asyncio.wrap_future(pool.submit(call))


def calling(lend: Any, call: Any, *, awaited: bool) -> Any:
    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        future = lend(call)
        if awaited:
            await asyncio.wait([future])
            future.exception()

    return app


@pytest.mark.parametrize("lend", [by_the_loop, by_a_pool])
def test_the_line_that_made_it_is_the_place_of_its_exception(lend):
    (cause,) = diagnose(run(calling(lend, fail, awaited=False), "close", "idle")).causes
    found = cause.occurrence
    assert (found.code, found.severity, found.fault) == ("WSD302", "error", "app")
    assert found.place is not None
    assert found.place.function == lend.__name__
    assert "ended with ValueError: in a thread" in found.message


@pytest.mark.parametrize("lend", [by_the_loop, by_a_pool])
@pytest.mark.parametrize("call, awaited", [(work, False), (work, True), (fail, True)])
def test_one_that_does_not_fail_or_is_asked_is_none(lend, call, awaited):
    assert not diagnose(run(calling(lend, call, awaited=awaited), "close", "idle")).causes

"""What becomes of a future, or of a variable of the context, that a handler leaves behind."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

import pytest

from tests.session.apps import _accept, application
from tests.session.cells import run
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.rule import Occurrence

USER: ContextVar[str] = ContextVar("user", default="")


def found(app: Any) -> list[Occurrence]:
    recording = run(app)
    return [cause.occurrence for cause in diagnose(recording).causes]


async def _reads(receive: Any) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass


def _made() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


@application
async def nobody_asks(scope: Any, receive: Any, send: Any) -> None:
    await _accept(receive, send)
    answer = _made()
    await _reads(receive)
    answer.set_exception(KeyError("gone"))


@application
async def cancelled_before(scope: Any, receive: Any, send: Any) -> None:
    await _accept(receive, send)
    answer = _made()
    await _reads(receive)
    answer.cancel()
    if not answer.done():
        answer.set_exception(KeyError("gone"))


@application
async def looks_at_it(scope: Any, receive: Any, send: Any) -> None:
    await _accept(receive, send)
    answer = _made()
    await _reads(receive)
    answer.set_exception(KeyError("gone"))
    answer.exception()


def test_a_future_that_is_not_awaited_names_the_line_that_made_it():
    (item,) = found(nobody_asks)
    assert (item.code, item.setting, item.fault) == ("WSD302", "future", "app")
    assert item.place is not None
    assert (item.place.function, item.place.line) == ("_made", _made.__code__.co_firstlineno + 1)
    assert "the future that `_made` makes at test_futures.py:" in item.message


@pytest.mark.parametrize("app", [cancelled_before, looks_at_it])
def test_one_that_is_cancelled_or_looked_at_is_clean(app):
    assert found(app) == []


@application
async def reset_by_a_task(scope: Any, receive: Any, send: Any) -> None:
    await _accept(receive, send)
    token = USER.set("ann")

    async def clean_up() -> None:
        USER.reset(token)

    await _reads(receive)
    await asyncio.create_task(clean_up())


@application
async def reset_by_a_task_that_nobody_awaits(scope: Any, receive: Any, send: Any) -> None:
    await _accept(receive, send)
    token = USER.set("ann")

    async def clean_up() -> None:
        USER.reset(token)

    await _reads(receive)
    asyncio.create_task(clean_up())


@application
async def reset_where_it_was_set(scope: Any, receive: Any, send: Any) -> None:
    await _accept(receive, send)
    token = USER.set("ann")
    try:
        await _reads(receive)
    finally:
        USER.reset(token)


@application
async def another_error_of_that_class(scope: Any, receive: Any, send: Any) -> None:
    await _accept(receive, send)
    await _reads(receive)
    int("gone")


@pytest.mark.parametrize(
    "app, code, setting",
    [
        (reset_by_a_task, "WSD203", "context"),
        (reset_by_a_task_that_nobody_awaits, "WSD302", "context"),
        (another_error_of_that_class, "WSD203", ""),
    ],
)
def test_a_reset_in_another_context_has_a_remedy_of_its_own(app, code, setting):
    (item,) = found(app)
    assert (item.code, item.setting) == (code, setting)


def test_a_reset_in_the_same_task_is_clean():
    assert found(reset_where_it_was_set) == []

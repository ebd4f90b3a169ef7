"""The one idiom by which the remedies end a task, as WSD501 has it, beside others that fall short."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import textwrap
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from wsdoctor.diagnosis.rules import RULES

REMEDY = next(
    textwrap.dedent(part)
    for part in RULES["WSD501"].remedies[""].split("\n\n")
    if part.startswith(" ")
)

WAYS = {
    # raises the CancelledError it ordered, lets one from outside through, leaves errors to the log
    REMEDY: (False, True, True),
    "task.cancel()\nawait task": (True, True, False),
    "task.cancel()\nwith suppress(asyncio.CancelledError):\n    await task": (False, False, False),
    "task.cancel()\nawait asyncio.gather(task, return_exceptions=True)": (False, True, False),
    "task.cancel()\nawait asyncio.wait([task])": (False, True, False),
}

WAY = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.splitlines()[-1].strip())


def ending(way: str) -> Callable[[asyncio.Task[None]], Awaitable[None]]:
    """``way`` as a function of the task."""
    namespace: dict[str, Any] = {"asyncio": asyncio, "suppress": contextlib.suppress}
    exec("async def end(task):\n" + textwrap.indent(way, "    "), namespace)  # noqa: S102 - our own text
    end: Callable[[asyncio.Task[None]], Awaitable[None]] = namespace["end"]
    return end


async def started(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work)
    await asyncio.sleep(0)
    return task


async def works_for_ever() -> None:
    await asyncio.Event().wait()


async def takes_its_time_to_end() -> None:
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(60)


async def has_a_bug() -> None:
    raise KeyError("x")


@WAY
def test_whether_it_raises_the_cancellation_that_it_ordered(way):
    async def handler() -> bool:
        task = await started(works_for_ever())
        try:
            await ending(way)(task)
        except asyncio.CancelledError:
            return True
        finally:
            assert task.cancelled()
        return False

    assert asyncio.run(handler()) is WAYS[way][0]


@WAY
def test_whether_a_cancellation_from_outside_gets_through(way):
    async def server() -> bool:
        handler = await started(cleans_up(await started(takes_its_time_to_end())))
        await asyncio.sleep(0)  # until the task has got its cancellation
        handler.cancel()
        await asyncio.wait([handler])
        return handler.cancelled()

    async def cleans_up(task: asyncio.Task[None]) -> None:
        await ending(way)(task)

    assert asyncio.run(server()) is WAYS[way][1]


@WAY
def test_whether_the_log_tells_of_a_task_that_had_failed(way):
    told: list[str] = []

    async def handler() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: told.append(context["message"])
        )
        task = await started(has_a_bug())
        with contextlib.suppress(KeyError):
            await ending(way)(task)
        del task
        gc.collect()

    asyncio.run(handler())
    assert told == ["Task exception was never retrieved"] * WAYS[way][2]

"""Whether an application is as it was when a session is over: the next case may then have the same copy.

What it holds in its variables is met in ``test_containers.py``; here it is what runs on.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tests.session.apps import application
from tests.session.cells import run

closing = threading.Event()
"""Ends the threads of these tests, which a user would have forgotten."""


async def sleeps() -> None:
    await asyncio.sleep(3600)


async def does_not_listen() -> None:
    for _ in range(100):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


async def waits_in_a_thread() -> None:
    await asyncio.to_thread(closing.wait)


@pytest.fixture(autouse=True)
def nothing_waits_any_more() -> Iterator[None]:
    closing.clear()
    yield
    closing.set()


def leaves(what: Callable[[], Any]) -> Any:
    """Starts ``what`` for each client, and returns when that has left."""

    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        scope["left"] = asyncio.create_task(what())
        while (await receive())["type"] != "websocket.disconnect":
            pass

    return app


def hangs_in(what: Callable[[], Any]) -> Any:
    """Never returns by itself once the client has left."""

    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        await what()

    return app


@contextlib.asynccontextmanager
async def held(what: set[str]) -> AsyncIterator[None]:
    what.add("a client")
    try:
        yield
    finally:
        what.discard("a client")


@pytest.mark.parametrize("how", [leaves, hangs_in])
def test_what_ends_when_it_is_cancelled_leaves_it_as_it_was(how):
    assert run(how(sleeps), "close", "idle").as_before


@pytest.mark.parametrize("how", [leaves, hangs_in])
@pytest.mark.parametrize("what", [does_not_listen, waits_in_a_thread])
def test_what_is_still_there_then_does_not(how, what):
    assert not run(how(what), "close", "idle").as_before


def test_what_a_handler_gives_back_on_its_way_out_counts_as_given_back():
    clients: set[str] = set()

    async def waits() -> None:
        async with held(clients):
            await asyncio.sleep(3600)

    assert run(hangs_in(waits), "close", "idle").as_before

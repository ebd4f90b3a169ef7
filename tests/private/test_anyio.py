"""The names in ``wsdoctor/private/anyio.py``, one by one.

A red test here means that this version of anyio has changed what wsdoctor builds on. Read the new source of
anyio, then that module: no other module of wsdoctor knows these names.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import anyio
import anyio.streams.memory
import anyio.to_thread
import pytest

from wsdoctor.private.anyio import (
    anyio_locks,
    anyio_streams,
    has_unfinished_work,
    number_cancel_scopes,
    stream_state,
    wrapped_coroutine,
)


async def _asyncly(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.SelectorEventLoop()
    yield loop
    loop.close()


# --- anyio


def test_an_anyio_worker_thread_tells_whether_it_has_work(loop):
    workers: list[threading.Thread] = []
    done = threading.Event()

    def work() -> None:
        workers.append(threading.current_thread())
        done.wait(5)

    async def main() -> None:
        task = asyncio.ensure_future(anyio.to_thread.run_sync(work))
        await _asyncly(lambda: bool(workers))
        assert [has_unfinished_work(thread) for thread in workers] == [True]
        done.set()
        await task
        await _asyncly(lambda: not has_unfinished_work(workers[0]))

    loop.run_until_complete(asyncio.wait_for(main(), 5))
    assert not has_unfinished_work(threading.main_thread())


def test_an_anyio_worker_has_work_from_the_moment_it_is_given_some(loop):
    """Before its thread has noticed: otherwise the clock would jump in between."""

    async def main() -> None:
        # One of an earlier test may still be about to end.
        worker = await anyio.to_thread.run_sync(threading.current_thread)
        await _asyncly(lambda: not has_unfinished_work(worker))
        task = asyncio.ensure_future(anyio.to_thread.run_sync(time.sleep, 0.02))
        for _ in range(5):
            await asyncio.sleep(0)
        assert has_unfinished_work(worker)
        await task

    loop.run_until_complete(main())


def test_the_coroutine_that_an_anyio_task_group_was_given_can_be_seen(loop):
    created: list[object] = []

    def factory(loop, coro, **options):
        created.append(wrapped_coroutine(coro))
        return asyncio.Task(coro, loop=loop, **options)

    async def job() -> None:
        pass

    async def main() -> None:
        loop.set_task_factory(factory)
        async with anyio.create_task_group() as group:
            group.start_soon(job)
        await asyncio.create_task(job())
        loop.set_task_factory(None)

    loop.run_until_complete(main())
    assert [getattr(coro, "__name__", None) for coro in created] == ["job", "job"]


def test_anyios_cancel_scopes_hash_by_the_order_in_which_they_are_made(loop):
    """A set of them then has the same order in every run; one that was made before keeps its hash."""

    async def main() -> None:
        before = anyio.CancelScope()
        kept = {before}
        number_cancel_scopes()
        first = [anyio.CancelScope() for _ in range(4)]
        hashes = [hash(scope) for scope in first]
        number_cancel_scopes()
        again = [anyio.CancelScope() for _ in range(4)]
        assert hashes == sorted(set(hashes))
        assert [hash(scope) for scope in again] == hashes
        assert len({*first, *again}) == 8, "equal hashes make no equal scopes"
        assert before in kept

    loop.run_until_complete(main())


def test_the_classes_behind_anyios_locks_are_those_that_a_running_loop_gives():
    async def given() -> list[type]:
        return [type(anyio.Lock()), type(anyio.Semaphore(1)), type(anyio.CapacityLimiter(1))]

    assert list(anyio_locks()) == asyncio.run(given())


def test_the_ends_of_a_memory_object_stream_share_what_holds_the_items(loop):
    async def main():
        sender, receiver = anyio.create_memory_object_stream[str](2)
        assert anyio_streams() == ((type(sender), type(receiver)),)
        assert stream_state(sender) is stream_state(receiver)
        sender.send_nowait("item")
        assert list(stream_state(receiver).buffer) == ["item"]
        assert receiver.receive_nowait() == "item"
        sender.close()
        receiver.close()

    loop.run_until_complete(main())

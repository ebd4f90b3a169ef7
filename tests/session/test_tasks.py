"""Which connection a task belongs to, who cancelled it, how it ended, and whether it leaks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from tests.session.apps import _accept, application
from tests.session.cells import ALL, LEGACY, SANSIO, all_of, observed, run, the
from wsdoctor.recording.case import SendStep
from wsdoctor.recording.events import (
    AppCalled,
    CancelRequested,
    StacksSampled,
    TaskCreated,
    TaskEnded,
)
from wsdoctor.recording.recording import Recording


async def job(*_: object) -> None:
    await asyncio.sleep(0)


async def create_task() -> None:
    await asyncio.create_task(job())


async def loop_create_task() -> None:
    await asyncio.get_running_loop().create_task(job())


async def ensure_future() -> None:
    await asyncio.ensure_future(job())


async def task_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(job())


async def gather() -> None:
    await asyncio.gather(job())


async def wait_for() -> None:
    await asyncio.wait({asyncio.create_task(job())})


async def anyio_task_group() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(job)


async def callback() -> None:
    """A callback runs in the context of whoever scheduled it."""
    done = asyncio.Event()

    def start() -> None:
        task = asyncio.create_task(job())
        task.add_done_callback(lambda _: done.set())

    asyncio.get_running_loop().call_later(0.5, start)
    await done.wait()


async def from_thread() -> None:
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(job(), loop).result())


def _handler(use: Callable[[], Awaitable[None]]) -> Any:
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        await use()
        while (await receive())["type"] != "websocket.disconnect":
            pass

    return app


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize(
    "use",
    [
        create_task,
        loop_create_task,
        ensure_future,
        task_group,
        gather,
        wait_for,
        anyio_task_group,
        callback,
        from_thread,
    ],
)
def test_a_task_belongs_to_the_connection_on_whose_behalf_it_runs(use, server):
    recording = run(_handler(use), server=server)
    created = [
        event
        for event in observed(recording)
        if isinstance(event, TaskCreated) and event.coroutine == "job"
    ]
    assert [event.connection for event in created] == [1]
    (task,) = created
    assert task.root is not None
    assert (task.root.function, task.root.file, task.root.user) == ("job", __file__, True)
    assert the(recording, TaskEnded).task == task.task
    assert the(recording, TaskEnded).outcome == "returned"
    if use not in {callback, from_thread}:
        assert task.parent == the(recording, AppCalled).task
        # The creation site: the user's innermost line is in the function that makes it.
        assert task.stack[-1].function == use.__name__
        assert task.stack[0].function.endswith("app")
    elif use is callback:
        assert task.parent == 0
        assert task.stack[-1].function.endswith("start")


def test_tasks_of_the_server_and_of_the_lifespan_belong_to_no_connection():
    started: list[asyncio.Task[None]] = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            started.append(asyncio.create_task(asyncio.sleep(500)))
            await send({"type": "lifespan.startup.complete"})
            await receive()
            started[-1].cancel()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await _accept(receive, send)
        while (await receive())["type"] != "websocket.disconnect":
            pass

    recording = run(app)
    assert [event for event in observed(recording) if isinstance(event, TaskCreated)] == []
    assert all_of(recording, StacksSampled) == [], "nothing of the connection was left"


def test_a_task_of_a_task_knows_its_parent():
    @application
    async def app(scope, receive, send):
        async def inner() -> None:
            await asyncio.sleep(0)

        async def outer() -> None:
            await asyncio.create_task(inner())

        await _accept(receive, send)
        await asyncio.create_task(outer())
        while (await receive())["type"] != "websocket.disconnect":
            pass

    recording = run(app)
    outer, inner = all_of(recording, TaskCreated)
    assert outer.parent == the(recording, AppCalled).task
    assert inner.parent == outer.task


async def _raise() -> None:
    raise LookupError("no")


async def _forever() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    "coroutine, cancel, outcome",
    [(job, False, "returned"), (_raise, False, "raised"), (_forever, True, "cancelled")],
)
def test_how_a_task_ended(coroutine, cancel, outcome):
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        task = asyncio.create_task(coroutine())
        await asyncio.sleep(0.1)
        if cancel:
            task.cancel()
        with contextlib.suppress(LookupError, asyncio.CancelledError):
            await task
        while (await receive())["type"] != "websocket.disconnect":
            pass

    ended = the(run(app), TaskEnded)
    assert ended.outcome == outcome
    assert (ended.exception is not None) == (outcome == "raised")


# --- who cancels


@application
async def cancels_its_task(scope, receive, send):
    await _accept(receive, send)
    task = asyncio.create_task(_forever())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    while (await receive())["type"] != "websocket.disconnect":
        pass


@application
async def timeout_of_its_own(scope, receive, send):
    await _accept(receive, send)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            await asyncio.Event().wait()
    while (await receive())["type"] != "websocket.disconnect":
        pass


@application
async def anyio_timeout_of_its_own(scope, receive, send):
    await _accept(receive, send)
    with anyio.move_on_after(0.1):
        await anyio.sleep_forever()
    while (await receive())["type"] != "websocket.disconnect":
        pass


@application
async def group_cancels_the_rest(scope, receive, send):
    await _accept(receive, send)
    with contextlib.suppress(BaseExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(_forever())
            group.create_task(_raise())
    while (await receive())["type"] != "websocket.disconnect":
        pass


@pytest.mark.parametrize(
    "app", [cancels_its_task, timeout_of_its_own, anyio_timeout_of_its_own, group_cancels_the_rest]
)
def test_what_the_application_cancels_is_its_own_doing(app):
    requests = all_of(run(app), CancelRequested)
    assert requests
    assert {event.by for event in requests} == {"app"}


@pytest.mark.parametrize("server", ALL)
def test_a_graceful_timeout_is_the_servers_doing(server):
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        await asyncio.Event().wait()

    recording = run(app, "shutdown-timeout", server=server)
    (request,) = all_of(recording, CancelRequested)
    assert request.by == "server"
    assert request.task == the(recording, AppCalled).task


def test_what_wsdoctors_teardown_cancels_is_after_the_end():
    recording = run(_handler(_forever))
    assert all_of(recording, CancelRequested) == []
    after = recording.events[len(observed(recording)) :]
    assert {event.by for event in after if isinstance(event, CancelRequested)} <= {
        "harness",
        "server",
    }


# --- what is left


def _left(recording: Recording, connection: int) -> list[str]:
    """The coroutines that were alive when the grace time after the return had passed."""
    coroutines = {
        event.task: event.coroutine.rpartition(".")[2]
        for event in observed(recording)
        if isinstance(event, TaskCreated)
    }
    samples = [
        event
        for event in all_of(recording, StacksSampled, connection)
        if event.reason == "returned"
    ]
    return [coroutines[stack.task] for sample in samples for stack in sample.stacks]


def leaks() -> Any:
    """Leaves a task behind with every connection."""
    kept: list[asyncio.Task[None]] = []

    async def leaked() -> None:
        await asyncio.Event().wait()

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        kept.append(asyncio.create_task(leaked()))
        while (await receive())["type"] != "websocket.disconnect":
            pass

    return app


def starts_once() -> Any:
    """Starts a task for the whole application with the first connection."""
    kept: list[asyncio.Task[None]] = []

    async def broadcaster() -> None:
        await asyncio.Event().wait()

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        if not kept:
            kept.append(asyncio.create_task(broadcaster()))
        while (await receive())["type"] != "websocket.disconnect":
            pass

    return app


def lingers() -> Any:
    """Leaves a task behind that ends by itself."""
    kept: list[asyncio.Task[None]] = []

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        kept.append(asyncio.create_task(asyncio.sleep(10)))
        while (await receive())["type"] != "websocket.disconnect":
            pass

    return app


@pytest.mark.parametrize("server", [LEGACY, SANSIO])
@pytest.mark.parametrize(
    "make, first, second",
    [
        (leaks, ["leaked"], ["leaked"]),
        (starts_once, ["broadcaster"], []),
        (lingers, ["sleep"], None),
    ],
)
def test_the_second_visit_tells_a_leak_from_what_is_started_once(make, first, second, server):
    recording = run(make(), server=server, script=(SendStep(text="hello"),))
    assert _left(recording, 1) == first
    visits = [event for event in observed(recording) if isinstance(event, AppCalled)]
    if second is None:
        assert len(visits) == 1, "what ends by itself needs no second visit"
        ended = the(recording, TaskEnded)
        assert ended.time == pytest.approx(10.01, abs=0.1)
    else:
        assert [event.connection for event in visits] == [1, 2]
        assert _left(recording, 2) == second


def test_the_second_visitor_leaves_as_the_first_client_did():
    recording = run(leaks(), "abort")
    acts = [event for event in observed(recording) if getattr(event, "disconnects", False)]
    assert [(event.connection, event.act) for event in acts] == [(1, "abort"), (2, "abort")]
    assert [event.code for event in recording.events if type(event).__name__ == "ClientEnded"][
        :1
    ] == [1006]


@pytest.mark.parametrize("kind", ["shutdown", "shutdown-timeout"])
def test_there_is_no_second_visit_to_a_server_that_stops(kind):
    recording = run(leaks(), kind)
    assert [event.connection for event in observed(recording) if isinstance(event, AppCalled)] == [
        1
    ]


def test_children_of_a_background_publisher_are_not_the_connections():
    """Started once by the lifespan, it starts tasks for ever; none of them is anybody's."""

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()

            async def publisher() -> None:
                while True:
                    await asyncio.create_task(asyncio.sleep(0.05))

            task = asyncio.create_task(publisher())
            await send({"type": "lifespan.startup.complete"})
            await receive()
            task.cancel()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await _accept(receive, send)
        while (await receive())["type"] != "websocket.disconnect":
            pass

    recording = run(app, moment="idle")
    assert [
        event for event in observed(recording) if isinstance(event, TaskCreated | StacksSampled)
    ] == []

"""Which connection a task belongs to, who cancelled it, how it ended, and whether it leaks."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import threading
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
    """A callback runs in the context of the code that scheduled it."""
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
    kept: set[asyncio.Task[None]] = set()

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        task = asyncio.create_task(asyncio.sleep(10))
        kept.add(task)
        task.add_done_callback(kept.discard)
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


# --- what does not carry the context


async def own_context() -> None:
    await asyncio.create_task(job(), context=contextvars.Context())


async def child_of_own_context() -> None:
    async def parent() -> None:
        await asyncio.create_task(job())

    await asyncio.create_task(parent(), context=contextvars.Context())


async def copied_context() -> None:
    loop = asyncio.get_running_loop()
    await contextvars.copy_context().run(loop.create_task, job())


async def shield() -> None:
    await asyncio.shield(job())


async def soon() -> None:
    done = asyncio.Event()

    def start() -> None:
        asyncio.ensure_future(job()).add_done_callback(lambda _: done.set())

    asyncio.get_running_loop().call_soon(start)
    await done.wait()


async def thread() -> None:
    """A thread of one's own has an empty context."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def work() -> None:
        asyncio.run_coroutine_threadsafe(job(), loop).result()
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=work).start()
    await done.wait()


async def thread_of_a_thread() -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def work() -> None:
        asyncio.run_coroutine_threadsafe(job(), loop).result()
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=lambda: threading.Thread(target=work).start()).start()
    await done.wait()


async def pool() -> None:
    """`run_in_executor` hands on no context, as `to_thread` does."""
    loop = asyncio.get_running_loop()

    def work() -> None:
        asyncio.run_coroutine_threadsafe(job(), loop).result()

    await loop.run_in_executor(None, work)


async def anyio_thread() -> None:
    await anyio.to_thread.run_sync(lambda: anyio.from_thread.run(spawned))


async def spawned() -> None:
    await asyncio.create_task(job())


async def task_group_in_a_task() -> None:
    async def outer() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(job)

    await asyncio.gather(outer())


@pytest.mark.parametrize(
    "use",
    [
        own_context,
        child_of_own_context,
        copied_context,
        shield,
        soon,
        thread,
        thread_of_a_thread,
        pool,
        anyio_thread,
        task_group_in_a_task,
    ],
)
def test_a_task_belongs_to_the_connection_though_its_context_does_not_say_so(use):
    recording = run(_handler(use))
    jobs = [e for e in observed(recording) if isinstance(e, TaskCreated) and e.coroutine == "job"]
    assert [event.connection for event in jobs] == [1]
    ended = [event.task for event in all_of(recording, TaskEnded)]
    assert jobs[0].task in ended


def test_a_pool_thread_belongs_to_no_connection():
    """The second connection's work runs on the thread that the first one's brought to life."""
    kept: list[asyncio.Task[None]] = []

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(
            None, lambda: asyncio.run_coroutine_threadsafe(job(), loop).result()
        )
        kept.append(asyncio.create_task(_forever()))
        while (await receive())["type"] != "websocket.disconnect":
            pass

    recording = run(app)
    jobs = [e for e in observed(recording) if isinstance(e, TaskCreated) and e.coroutine == "job"]
    assert [event.connection for event in jobs] == [1, 2]


# --- task factories of the application's


def _with_factory(factory: Any, *, where: str) -> Any:
    async def app(scope, receive, send):
        loop = asyncio.get_running_loop()
        if scope["type"] == "lifespan":
            await receive()
            if where == "lifespan":
                loop.set_task_factory(factory)
                assert loop.get_task_factory() is factory
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await _accept(receive, send)
        if where == "handler":
            before = loop.get_task_factory()
            assert before is None
            loop.set_task_factory(factory)
        await asyncio.create_task(job(), name="named")
        stays = asyncio.create_task(_forever())
        await asyncio.sleep(0)
        stays.cancel()
        await asyncio.wait([stays])
        if where == "handler":
            loop.set_task_factory(None)
        while (await receive())["type"] != "websocket.disconnect":
            pass

    return app


def _plain(loop: Any, coro: Any, **options: Any) -> asyncio.Task[Any]:
    return asyncio.Task(coro, loop=loop, **options)


class _Named(asyncio.Task[Any]):
    """What tracing libraries do: a task of their own."""


def _subclass(loop: Any, coro: Any, **options: Any) -> asyncio.Task[Any]:
    return _Named(coro, loop=loop, **options)


FACTORIES = [_plain, _subclass]
if sys.version_info >= (3, 12):
    FACTORIES += [asyncio.eager_task_factory]

CASES = [(factory, where) for factory in FACTORIES for where in ("lifespan", "handler")]
if sys.version_info >= (3, 12):
    # In a lifespan it would make the server's own tasks, which run before anybody can number them.
    CASES += [(asyncio.create_eager_task_factory(_Named), "handler")]


@pytest.mark.parametrize("factory, where", CASES)
def test_a_task_factory_of_the_applications_takes_no_task_from_us(factory, where):
    recording = run(_with_factory(factory, where=where))
    created = {event.task: event for event in all_of(recording, TaskCreated)}
    main = the(recording, AppCalled).task
    assert [(e.coroutine, e.parent) for e in created.values()] == [
        ("job", main),
        ("_forever", main),
    ]
    assert [(e.task, e.outcome) for e in all_of(recording, TaskEnded)] == [
        *zip(created, ("returned", "cancelled"), strict=True)
    ]
    assert all(event.stack for event in created.values())


def test_a_task_of_anothers_factory_that_stays_is_seen():
    kept: list[asyncio.Task[None]] = []

    @application
    async def app(scope, receive, send):
        asyncio.get_running_loop().set_task_factory(_subclass)
        await _accept(receive, send)
        kept.append(asyncio.create_task(_forever()))
        while (await receive())["type"] != "websocket.disconnect":
            pass

    recording = run(app)
    assert _left(recording, 1) == ["_forever"]
    assert _left(recording, 2) == ["_forever"]

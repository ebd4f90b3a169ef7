"""Where a suspended task is: its await stack, through whatever it awaits."""

from __future__ import annotations

import asyncio
import contextlib
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.exceptions import WebSocketException
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from tests.session.apps import _accept, application
from tests.session.cells import ALL, LEGACY, all_of, observed, run, the
from wsdoctor.recording.events import (
    AppCalled,
    AsyncGeneratorEnded,
    AsyncGeneratorSuspended,
    SendCalled,
    StacksSampled,
    TaskCreated,
    TaskStack,
)
from wsdoctor.recording.recording import Recording


async def stuck() -> None:
    await asyncio.Event().wait()


async def coroutine() -> None:
    await stuck()


async def nested() -> None:
    async def inner() -> None:
        await coroutine()

    await inner()


async def numbers() -> AsyncIterator[int]:
    yield 1
    await stuck()
    yield 2


async def async_for() -> None:
    async for _ in numbers():
        pass


async def anext_of() -> None:
    generator = numbers()
    await anext(generator)
    await anext(generator)


async def asend() -> None:
    generator: Any = numbers()
    await generator.asend(None)
    await generator.asend(1)


async def delegated() -> AsyncIterator[int]:
    async for number in numbers():
        yield number


async def generator_in_generator() -> None:
    async for _ in delegated():
        pass


async def stuck_in_cleanup() -> AsyncIterator[int]:
    try:
        yield 1
    finally:
        await stuck()


async def aclose() -> None:
    generator: Any = stuck_in_cleanup()
    await anext(generator)
    await generator.aclose()


async def athrow() -> None:
    generator: Any = stuck_in_cleanup()
    await anext(generator)
    await generator.athrow(LookupError())


@contextlib.asynccontextmanager
async def stuck_on_enter() -> AsyncIterator[None]:
    await stuck()
    yield


@contextlib.asynccontextmanager
async def stuck_on_exit() -> AsyncIterator[None]:
    yield
    await stuck()


async def enter() -> None:
    async with stuck_on_enter():
        pass


async def leave() -> None:
    async with stuck_on_exit():
        pass


async def exit_stack() -> None:
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(stuck_on_exit())


class Awaits:
    def __await__(self) -> Generator[Any, None, None]:
        yield from stuck().__await__()


async def own_await() -> None:
    await Awaits()


@types.coroutine
def old_style() -> Generator[Any, None, None]:
    yield from stuck().__await__()


async def generator_based() -> None:
    await old_style()


async def task() -> None:
    await asyncio.create_task(stuck())


async def shielded() -> None:
    await asyncio.shield(stuck())


async def timeout_around() -> None:
    async with asyncio.timeout(1000):
        await stuck()


async def waited_for() -> None:
    await asyncio.wait_for(stuck(), 1000)


async def group() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stuck())


async def anyio_group() -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stuck)


SHAPES: list[tuple[Callable[[], Awaitable[None]], list[str]]] = [
    (stuck, ["stuck"]),
    (coroutine, ["coroutine", "stuck"]),
    (nested, ["nested", "nested.<locals>.inner", "coroutine", "stuck"]),
    (async_for, ["async_for", "numbers", "stuck"]),
    (anext_of, ["anext_of", "numbers", "stuck"]),
    (asend, ["asend", "numbers", "stuck"]),
    (generator_in_generator, ["generator_in_generator", "delegated", "numbers", "stuck"]),
    (aclose, ["aclose", "stuck_in_cleanup", "stuck"]),
    (athrow, ["athrow", "stuck_in_cleanup", "stuck"]),
    (enter, ["enter", "stuck_on_enter", "stuck"]),
    (leave, ["leave", "stuck_on_exit", "stuck"]),
    (exit_stack, ["exit_stack", "stuck_on_exit", "stuck"]),
    (own_await, ["own_await", "Awaits.__await__", "stuck"]),
    (generator_based, ["generator_based", "old_style", "stuck"]),
    (timeout_around, ["timeout_around", "stuck"]),
    # A task's stack ends where it waits for another one, whose own stack goes on.
    (task, ["task"]),
    (shielded, ["shielded"]),
    (group, ["group"]),
    (anyio_group, ["anyio_group"]),
]


def _stacks(recording: Recording, reason: str) -> dict[int, TaskStack]:
    (sample,) = (event for event in all_of(recording, StacksSampled) if event.reason == reason)
    return {stack.task: stack for stack in sample.stacks}


def _users(stack: TaskStack) -> list[str]:
    return [frame.function for frame in stack.stack if frame.user]


def _handler(shape: Callable[[], Awaitable[None]]) -> Any:
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        await shape()

    return app


@pytest.mark.parametrize("shape, functions", SHAPES)
def test_the_await_stack_of_a_handler_that_hangs(shape, functions):
    recording = run(_handler(shape))
    main = the(recording, AppCalled).task
    for reason in ("teardown", "hang"):
        stack = _stacks(recording, reason)[main]
        users = _users(stack)
        assert users[-len(functions) :] == functions
        assert users[0] == "application.<locals>.app"
        assert all(frame.line >= frame.first_line for frame in stack.stack)


def test_the_stack_names_the_line_of_the_await():
    recording = run(_handler(coroutine))
    frame = [
        frame
        for frame in _stacks(recording, "hang")[the(recording, AppCalled).task].stack
        if frame.user
    ][-2]
    source = recording.sources[frame.file].splitlines()
    assert source[frame.line - 1].strip() == "await stuck()"
    assert source[frame.first_line - 1] == "async def coroutine() -> None:"


@pytest.mark.parametrize("shape", [task, waited_for, group, anyio_group])
def test_the_task_that_is_waited_for_is_named_and_has_a_stack_of_its_own(shape):
    recording = run(_handler(shape))
    stacks = _stacks(recording, "hang")
    main = stacks.pop(the(recording, AppCalled).task)
    if shape is waited_for and not stacks:
        assert _users(main)[-1] == "stuck"  # since 3.12 wait_for() awaits in the same task
        return
    ((number, inner),) = stacks.items()
    assert number in {event.task for event in all_of(recording, TaskCreated)}
    assert _users(inner) == ["stuck"]
    if shape is task:
        assert main.awaited_task == number
        assert main.awaits == "task stuck"
    else:
        assert main.awaits in {"a future", "task stuck"}


def test_a_handler_that_hangs_in_receive_or_send():
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        await receive()
        while True:
            await receive()  # the second disconnect never comes on the sans-I/O servers

    recording = run(app, server=ALL[0])
    stack = _stacks(recording, "hang")[the(recording, AppCalled).task]
    assert _users(stack)[-1].endswith("app")
    assert not any("wsdoctor/session" in frame.file and frame.user for frame in stack.stack)


def test_a_task_that_has_not_begun_has_no_stack():
    kept: list[asyncio.Task[None]] = []

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        while (await receive())["type"] != "websocket.disconnect":
            pass

        # Started so late that the look comes first: at the same virtual time, in the same poll.
        loop = asyncio.get_running_loop()
        loop.call_later(0.5 - 1e-10, lambda: kept.append(asyncio.create_task(stuck())))

    recording = run(app)
    for event in all_of(recording, StacksSampled):
        for stack in event.stacks:
            assert _users(stack) in ([], ["stuck"])


# --- generators


@contextlib.asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize("server", ALL)
def test_a_lifespan_is_suspended_at_its_yield_when_the_end_becomes_known(server):
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        async with lifespan():
            while (await receive())["type"] != "websocket.disconnect":
                pass

    recording = run(app, server=server)
    (suspended,) = all_of(recording, AsyncGeneratorSuspended)
    assert suspended.location.function == "lifespan"
    assert suspended.location.line == suspended.location.first_line + 2  # its decorator counts
    assert recording.sources[__file__].splitlines()[suspended.location.line - 1].strip() == "yield"
    assert suspended.task == the(recording, AppCalled).task


def test_a_generator_that_has_ended_is_not_suspended():
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        async with lifespan():
            pass
        while (await receive())["type"] != "websocket.disconnect":
            pass

    assert all_of(run(app), AsyncGeneratorSuspended) == []


@contextlib.asynccontextmanager
async def careless() -> AsyncIterator[None]:
    yield
    await asyncio.sleep(0)


@pytest.mark.parametrize("raises", [True, False])
def test_where_a_generator_ended_tells_what_it_did_not_come_to(raises):
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        async with careless():
            while (await receive())["type"] != "websocket.disconnect":
                pass
            if raises:
                raise OSError

    (ended,) = all_of(run(app), AsyncGeneratorEnded)
    last = ended.location.first_line + (2 if raises else 3)  # its decorator counts
    assert (ended.location.function, ended.location.line) == ("careless", last)


def test_one_that_has_not_ended_is_not_told_of():
    kept = []

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        kept.append(careless())
        await kept[0].__aenter__()
        while (await receive())["type"] != "websocket.disconnect":
            pass

    assert all_of(run(app), AsyncGeneratorEnded) == []


# --- calling stacks


async def helper(send: Any) -> None:
    await deeper(send)


async def deeper(send: Any) -> None:
    await send({"type": "websocket.send", "text": "x"})


def test_a_send_has_the_users_frames_of_its_task():
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        await helper(send)
        await asyncio.create_task(helper(send))
        while (await receive())["type"] != "websocket.disconnect":
            pass

    sends = [
        event
        for event in all_of(run(app, server=LEGACY), SendCalled)
        if event.message == "websocket.send"
    ]
    in_handler, in_task = ([frame.function for frame in event.stack] for event in sends)
    assert in_handler[-2:] == ["helper", "deeper"]
    assert len(in_handler) > 2
    assert in_task == ["helper", "deeper"], "a task's stack begins with the task"
    assert {event.sender for event in sends} == {"user"}


def test_whose_decision_a_send_is():
    """A framework that closes because an exception came up is the sender, though the user's code called it."""

    async def closes(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(4000)

    async def raises(websocket: WebSocket) -> None:
        await websocket.accept()
        raise WebSocketException(4001)

    for handler, sender, code in ((closes, "user", 4000), (raises, "framework", 4001)):
        app = Starlette(routes=[WebSocketRoute("/ws", handler)])
        sends = [event for event in observed(run(app)) if isinstance(event, SendCalled)]
        assert [
            (event.code, event.sender) for event in sends if event.message == "websocket.close"
        ] == [(code, sender)]
        handling = sends[-1].handling
        assert (handling is not None) == (sender == "framework")

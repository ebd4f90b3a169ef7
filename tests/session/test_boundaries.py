"""Exceptions at every boundary: each is recorded once it is past, with what it came from."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
from contextlib import asynccontextmanager
from typing import Any

import pytest
from litestar import Litestar, WebSocket, websocket_listener
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from tests.session.apps import _accept, application
from tests.session.cells import ALL, SANSIO, all_of, errors_logged, observed, run, the
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.exceptions import chain
from wsdoctor.recording.events import (
    AppReturned,
    LoopErrorReported,
    SendCalled,
    TaskEnded,
    UnseenErrorReported,
    WorkerLost,
)


def raising(error: BaseException) -> Any:
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        await receive()
        raise error

    return app


class Own(BaseException):
    """A BaseException that no framework knows."""


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize("kind", [Own, GeneratorExit, KeyboardInterrupt, SystemExit])
def test_what_is_no_exception_leaves_the_handler(kind, server):
    recording = run(raising(kind("over")), server=server)
    left = the(recording, AppReturned).exception
    assert left is not None
    assert left.type.rpartition(".")[2] == kind.__name__
    assert left.stack[-1].function.endswith("app")
    logged = [chain(event.exception) for event in errors_logged(recording)]
    assert left.id in {link.id for links in logged for link in links}
    (cause,) = diagnose(recording).causes
    assert (cause.occurrence.code, cause.occurrence.fault) == ("WSD203", "app")


def test_causes_contexts_and_groups_are_flattened_at_the_asgi_boundary():
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        await receive()
        try:
            try:
                raise KeyError("first")
            except KeyError as error:
                raise ExceptionGroup("many", [ValueError("one"), OwnError("two")]) from error
        finally:
            app_done.set()

    app_done = threading.Event()
    left = the(run(app), AppReturned).exception
    assert [link.type.rpartition(".")[2] for link in chain(left)] == [
        "ExceptionGroup",
        "ValueError",
        "OwnError",
        "KeyError",
    ]
    assert app_done.is_set()


class OwnError(Exception):
    pass


def test_the_lifespan_of_a_connection_and_the_frameworks_hook():
    seen: list[BaseException] = []

    @asynccontextmanager
    async def lifespan(socket: WebSocket[Any, Any, Any]) -> Any:
        try:
            yield
        finally:
            raise LookupError("in the lifespan")

    @websocket_listener("/ws", connection_lifespan=lifespan)
    async def echo(data: str) -> str:
        return data

    async def hook(error: Exception, _: Any) -> None:
        seen.append(error)

    app = Litestar([echo], after_exception=[hook], openapi_config=None, logging_config=None)
    recording = run(app, server=SANSIO)
    answer = next(e for e in all_of(recording, SendCalled) if e.message == "websocket.close")
    assert answer.sender == "framework"
    assert "LookupError" in {link.type for link in chain(answer.handling)}
    # It keeps what it saw, and with it the connection: other visitors come to see whether that grows.
    assert {type(error) for error in seen} == {LookupError}


def test_an_exception_hook_of_the_frameworks_that_fails_itself():
    async def hook(websocket: Any, error: Exception) -> None:
        raise RuntimeError("in the hook")

    async def handler(websocket: Any) -> None:
        await websocket.accept()
        await websocket.receive()
        raise OwnError("in the handler")

    app = Starlette(routes=[WebSocketRoute("/ws", handler)], exception_handlers={OwnError: hook})
    left = the(run(app, server=SANSIO), AppReturned).exception
    assert [link.type.rpartition(".")[2] for link in chain(left)] == ["RuntimeError", "OwnError"]


@pytest.mark.parametrize("kind", [Own, GeneratorExit, LookupError])
def test_each_task(kind):
    @application
    async def app(scope, receive, send):
        async def fails() -> None:
            raise kind("task")

        await _accept(receive, send)
        task = asyncio.create_task(fails())
        await asyncio.wait([task])
        while (await receive())["type"] != "websocket.disconnect":
            pass
        task.exception()

    ended = the(run(app), TaskEnded)
    assert ended.outcome == "raised"
    assert ended.exception.type.rpartition(".")[2] == kind.__name__


def test_what_the_loop_reports():
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        asyncio.get_running_loop().call_exception_handler({"message": "told by the application"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    reports = [e for e in observed(run(app)) if isinstance(e, LoopErrorReported)]
    assert [report.message for report in reports][:1] == ["told by the application"]
    assert reports[1].exception.type == "ZeroDivisionError"
    assert [report.connection for report in reports] == [1, 1]


# --- the interpreter's own hooks


def thread_fails() -> Any:
    @application
    async def app(scope, receive, send):
        def work() -> None:
            raise LookupError("in a thread")

        await _accept(receive, send)
        thread = threading.Thread(target=work, name="worker")
        thread.start()
        thread.join()
        while (await receive())["type"] != "websocket.disconnect":
            pass

    return app


def test_a_thread_whose_failure_is_not_seen():
    recording = run(thread_fails())
    seen = the(recording, UnseenErrorReported)
    assert (seen.where, seen.message, seen.connection) == ("thread", "worker", 1)
    assert seen.exception.type == "LookupError"
    assert seen.exception.stack[-1].function.endswith("work")
    assert seen.started_at[-1].function.endswith("app")
    (cause,) = diagnose(recording).causes
    occurrence = cause.occurrence
    assert (occurrence.code, occurrence.fault, occurrence.place) == (
        "WSD302",
        "app",
        seen.started_at[-1],
    )
    assert "the thread `worker`" in occurrence.message


def test_a_thread_that_deals_with_its_errors_is_no_finding():
    @application
    async def app(scope, receive, send):
        def work() -> None:
            try:
                raise LookupError("in a thread")
            except LookupError:
                sys.exit()  # ends the thread, and says nothing

        await _accept(receive, send)
        threading.Thread(target=work).start()
        while (await receive())["type"] != "websocket.disconnect":
            pass

    recording = run(app)
    assert all_of(recording, UnseenErrorReported) == []
    assert diagnose(recording).causes == ()


def test_what_no_code_can_raise():
    class Resource:
        def __del__(self) -> None:
            raise LookupError("in __del__")

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        resource = Resource()
        await receive()
        del resource

    recording = run(app)
    seen = the(recording, UnseenErrorReported)
    assert (seen.where, seen.connection, seen.exception.type) == ("unraisable", 1, "LookupError")
    assert not diagnose(recording).spotless
    assert diagnose(recording).causes == ()


def test_a_coroutine_that_ignores_its_end():
    async def stubborn() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            await asyncio.sleep(1)

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        coroutine = stubborn()
        coroutine.send(None)
        del coroutine
        gc.collect()
        while (await receive())["type"] != "websocket.disconnect":
            pass

    seen = the(run(app), UnseenErrorReported)
    assert (seen.where, seen.exception.type) == ("unraisable", "RuntimeError")
    assert "ignored GeneratorExit" in seen.exception.message


def test_the_hooks_and_threads_are_the_interpreters_again_afterwards():
    before = (threading.excepthook, sys.unraisablehook, threading.Thread.start)
    run(thread_fails())
    assert (threading.excepthook, sys.unraisablehook, threading.Thread.start) == before


# --- what ends a server


@pytest.mark.parametrize("error, code", [(SystemExit(3), 3), (KeyboardInterrupt(), 130)])
def test_a_task_that_ends_the_server(error, code, request):
    """A worker gets no other interrupt: Ctrl-C goes to the supervisor."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))

    @application
    async def app(scope, receive, send):
        async def ends() -> None:
            raise error

        await _accept(receive, send)
        task = asyncio.create_task(ends())
        await asyncio.wait([task])

    recording = run(app)
    lost = next(event for event in recording.events if isinstance(event, WorkerLost))
    assert lost.returncode == code
    assert lost.stack[-1].function.endswith("ends")
    result = diagnose(recording).result
    assert (result.verdict, result.codes) == ("defective", ("WSD407",))


def test_an_interrupt_that_may_be_the_users_own_goes_out(request):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))

    @application
    async def app(scope, receive, send):
        async def interrupted() -> None:
            signal.raise_signal(signal.SIGINT)

        await _accept(receive, send)
        await asyncio.create_task(interrupted())

    with pytest.raises(KeyboardInterrupt):
        run(app)


def call_soon() -> None:
    asyncio.get_running_loop().call_soon(fail)


def call_later() -> None:
    asyncio.get_running_loop().call_later(0.1, fail)


def call_at() -> None:
    loop = asyncio.get_running_loop()
    loop.call_at(loop.time() + 0.1, fail)


def call_soon_threadsafe() -> None:
    asyncio.get_running_loop().call_soon_threadsafe(fail)


def done_callback() -> None:
    asyncio.get_running_loop().create_future().add_done_callback(fail)
    done = asyncio.get_running_loop().create_future()
    done.add_done_callback(fail)
    done.set_result(None)


def fail(*_: object) -> None:
    raise LookupError


@pytest.mark.parametrize(
    "begin", [call_soon, call_later, call_at, call_soon_threadsafe, done_callback]
)
def test_what_a_callback_raises_is_the_connections_that_it_was_set_up_by(begin):
    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        begin()
        while (await receive())["type"] != "websocket.disconnect":
            pass

    (event,) = all_of(run(app, moment="idle"), LoopErrorReported)
    assert (event.connection, event.in_callback) == (1, True)
    assert event.exception is not None
    assert event.exception.type == "LookupError"

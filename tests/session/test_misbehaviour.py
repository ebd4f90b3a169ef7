"""Applications that do what they should not: the session ends, and says what happened."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import anyio.to_thread
import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from tests.session.apps import _accept, application, echo, stream
from tests.session.cells import (
    ALL,
    LEGACY,
    SANSIO,
    acted_at,
    all_of,
    asgi,
    errors_logged,
    observed,
    run,
    the,
)
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.recording.events import (
    AppReturned,
    AsyncGeneratorFinalized,
    AsyncGeneratorStarted,
    LogEmitted,
    LoopErrorReported,
    ObservationEnded,
    ServerPhase,
    StacksSampled,
    ThreadsLeft,
    WarningIssued,
    WorkerLost,
)


async def _until_disconnect(receive):
    while (await receive())["type"] != "websocket.disconnect":
        pass


# --- exits


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_an_exit_in_the_handler_is_the_handlers_exception(error, server):
    """uvicorn catches everything that leaves the application, and lives on."""

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        await _until_disconnect(receive)
        raise type(error)(*error.args)

    recording = run(app, server=server)
    assert asgi(recording)[-1] == f"raised {type(error).__name__}"
    (log,) = errors_logged(recording)
    assert log.exception is not None
    assert log.exception.type == type(error).__name__
    assert not all_of(recording, WorkerLost)


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize("code, returncode", [(None, 0), (0, 0), (3, 3), ("no database", 1)])
def test_an_exit_in_a_task_ends_the_server_and_is_recorded(code, returncode, server):
    """asyncio lets a SystemExit through, out of ``run_forever``: wsdoctor must not exit with it."""

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)

        async def leave():
            sys.exit(code)

        task = asyncio.create_task(leave())
        await asyncio.sleep(1)
        await task

    recording = run(app, server=server)
    assert the(recording, WorkerLost).returncode == returncode
    lost, ended = (
        next(index for index, event in enumerate(recording.events) if isinstance(event, kind))
        for kind in (WorkerLost, ObservationEnded)
    )
    assert lost < ended, "it must not be taken for wsdoctor's own teardown"
    assert not all_of(recording, AppReturned), (
        "what the teardown makes of the handler is not the handler's doing"
    )


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_in_a_task_interrupts_wsdoctor():
    """It looks like the user's Ctrl-C; nothing is left behind all the same."""

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)

        async def interrupt():
            raise KeyboardInterrupt

        task = asyncio.create_task(interrupt())
        await asyncio.sleep(1)
        await task

    with pytest.raises(KeyboardInterrupt):
        run(app)
    assert run(echo).events == run(echo).events


def _bare_lifespan(starting):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            starting()
        await _accept(receive, send)
        await _until_disconnect(receive)

    return app


def _nothing():
    pass


def _exit():
    sys.exit(4)


def _fail():
    raise LookupError("no database")


def _starlette_lifespan(starting=_nothing, stopping=_nothing):
    @contextlib.asynccontextmanager
    async def lifespan(app):
        starting()
        yield
        stopping()

    async def handler(websocket):
        await websocket.accept()
        async for _ in websocket.iter_text():
            pass

    return Starlette(lifespan=lifespan, routes=[WebSocketRoute("/ws", handler)])


@pytest.mark.parametrize("starting", [_exit, _fail])
def test_a_lifespan_that_fails_to_start(starting):
    recording = run(_starlette_lifespan(starting))
    phases = [event.phase for event in all_of(recording, ServerPhase)]
    assert phases == ["startup-failed"]
    text = "\n".join(event.message for event in errors_logged(recording))
    assert "no database" in text or "SystemExit" in text


@pytest.mark.parametrize("starting", [_exit, _fail])
def test_a_bare_application_that_raises_in_its_lifespan_is_served_without_one(starting):
    """uvicorn's ``lifespan="auto"``: an exception before any answer means that there is no lifespan."""
    recording = run(_bare_lifespan(starting))
    assert asgi(recording)[-1] == "returned"


@pytest.mark.parametrize("stopping", [_exit, _fail])
def test_a_lifespan_that_fails_to_stop_is_after_the_end(stopping):
    app = _starlette_lifespan(stopping=stopping)
    recording = run(app)
    assert asgi(recording)[-1] == "returned"
    assert errors_logged(recording) == []
    # When the stop is the case, it is observed.
    assert errors_logged(run(app, "shutdown")) != []


# --- not ending


@application
async def deaf(scope, receive, send):
    await _accept(receive, send)
    await asyncio.Event().wait()


@application
async def stubborn(scope, receive, send):
    """Swallows every cancellation."""
    await _accept(receive, send)
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1000)


@application
async def spinning(scope, receive, send):
    """Never idle, and swallows every cancellation."""
    await _accept(receive, send)
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)


@application
async def leaves_stubborn_task(scope, receive, send):
    async def task():
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(1000)

    await _accept(receive, send)
    scope["state"]["task"] = asyncio.create_task(task())
    await _until_disconnect(receive)


@application
async def exits_when_cancelled(scope, receive, send):
    await _accept(receive, send)
    try:
        await asyncio.Event().wait()
    finally:
        sys.exit(9)


async def _endless_generator():
    try:
        while True:
            yield 1
    finally:
        await asyncio.Event().wait()


@application
async def leaves_generator_that_never_closes(scope, receive, send):
    await _accept(receive, send)
    generator = _endless_generator()
    scope["state"]["generator"] = generator
    await anext(generator)
    await _until_disconnect(receive)


@application
async def blocked_in_a_thread(scope, receive, send):
    await _accept(receive, send)
    await asyncio.to_thread(threading.Event().wait)


@pytest.mark.parametrize(
    "app, hangs",
    [
        (deaf, True),
        (stubborn, True),
        (spinning, True),
        (leaves_stubborn_task, False),
        (exits_when_cancelled, True),
        (leaves_generator_that_never_closes, False),
    ],
)
@pytest.mark.parametrize("server", [LEGACY, SANSIO])
def test_a_session_ends_whatever_does_not(app, hangs, server):
    began = time.monotonic()
    recording = run(app, server=server)
    assert time.monotonic() - began < 20
    assert bool(all_of(recording, AppReturned)) == (not hangs)
    assert ("hang" in [event.reason for event in all_of(recording, StacksSampled)]) == hangs
    assert run(echo, server=server).events == run(echo, server=server).events


def test_a_session_on_the_wall_clock_ends_too(monkeypatch):
    monkeypatch.setattr(
        "wsdoctor.session.run.Timeouts.of",
        classmethod(lambda cls, *_: cls(script=1, grace=0.05, watch=0.2, stop=0.3)),
    )
    monkeypatch.setattr("wsdoctor.session.run._TURN", 0.05)
    for app in (stubborn, leaves_generator_that_never_closes, exits_when_cancelled):
        began = time.monotonic()
        run(app, clock="wall", grace=0.05)
        assert time.monotonic() - began < 3


# --- complaints


def test_a_task_exception_that_is_never_retrieved_is_recorded_with_its_task():
    @application
    async def app(scope, receive, send):
        async def fail():
            raise LookupError("unseen")

        await _accept(receive, send)
        asyncio.create_task(fail())
        await _until_disconnect(receive)

    recording = run(app)
    (report,) = [event for event in observed(recording) if isinstance(event, LoopErrorReported)]
    assert "never retrieved" in report.message
    assert report.connection == 1
    assert report.task
    assert report.exception is not None
    assert report.exception.type == "LookupError"
    # asyncio's own log comes of it, as ever.
    assert any(event.logger == "asyncio" for event in errors_logged(recording))


def test_a_task_that_is_destroyed_is_recorded():
    @application
    async def app(scope, receive, send):
        async def wait():
            await asyncio.get_running_loop().create_future()

        await _accept(receive, send)
        asyncio.create_task(wait())
        await _until_disconnect(receive)

    recording = run(app)
    messages = [
        event.message for event in observed(recording) if isinstance(event, LoopErrorReported)
    ]
    assert any("destroyed but it is pending" in message for message in messages)


def test_an_async_generator_that_is_left_to_the_collector_is_recorded():
    @application
    async def app(scope, receive, send):
        async def numbers():
            try:
                yield 1
            finally:
                await asyncio.sleep(0)

        await _accept(receive, send)
        async for _ in numbers():
            break
        await _until_disconnect(receive)

    recording = run(app)
    (started,) = all_of(recording, AsyncGeneratorStarted)
    assert started.function.endswith("numbers")
    (finalized,) = all_of(recording, AsyncGeneratorFinalized)
    assert finalized.generator == started.generator
    lines = recording.sources[__file__].splitlines()
    assert started.iterated_at is not None
    assert lines[started.iterated_at.line - 1].strip() == "async for _ in numbers():"
    assert finalized.location is not None
    assert lines[finalized.location.line - 1].strip() == "yield 1"


def test_a_context_manager_is_entered_at_the_users_line():
    @application
    async def app(scope, receive, send):
        @contextlib.asynccontextmanager
        async def managed():
            try:
                yield
            finally:
                await asyncio.sleep(0)

        await _accept(receive, send)
        stack = contextlib.AsyncExitStack()
        await stack.enter_async_context(managed())
        async with managed():
            await _until_disconnect(receive)

    recording = run(app)
    lines = recording.sources[__file__].splitlines()
    started = all_of(recording, AsyncGeneratorStarted)
    assert [item.iterated_at for item in started] == [None, None]
    assert [lines[item.entered_at.line - 1].strip() for item in started] == [
        "await stack.enter_async_context(managed())",
        "async with managed():",
    ]
    (finalized,) = all_of(recording, AsyncGeneratorFinalized)
    assert finalized.generator == started[0].generator


def test_a_generator_that_is_closed_is_not():
    @application
    async def app(scope, receive, send):
        async def numbers():
            yield 1
            yield 2

        await _accept(receive, send)
        async with contextlib.aclosing(numbers()) as all_numbers:
            async for _ in all_numbers:
                break
        await _until_disconnect(receive)

    assert len(all_of(run(app), AsyncGeneratorStarted)) == 1
    assert not all_of(run(app), AsyncGeneratorFinalized)


def test_a_coroutine_that_is_never_awaited_is_a_warning_of_its_connection():
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        asyncio.sleep(0)  # type: ignore[unused-coroutine]  # the mistake that is looked for
        await _until_disconnect(receive)

    (warning,) = all_of(run(app), WarningIssued)
    assert warning.category == "RuntimeWarning"
    assert "never awaited" in warning.message
    assert warning.file == __file__


# --- what is left behind


DESCRIPTORS = Path("/proc/self/fd")
"""Where there is such a thing."""


@pytest.fixture
def before():
    """The threads, descriptors and handlers before the run."""
    gc.collect()
    return _state()


def _state():
    descriptors: set[tuple[str, str]] = set()
    if DESCRIPTORS.is_dir():
        for entry in DESCRIPTORS.iterdir():
            with contextlib.suppress(OSError):
                descriptors.add((entry.name, str(entry.readlink())))
    return {
        "threads": set(threading.enumerate()),
        "descriptors": {entry for entry in descriptors if "/proc/" not in entry[1]},
        "handlers": {
            name: list(logger.handlers)
            for name, logger in [
                ("root", logging.getLogger()),
                *logging.root.manager.loggerDict.items(),
            ]
            if isinstance(logger, logging.Logger)
        },
        "signals": {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)},
        "collects": gc.isenabled(),
        "hooks": (sys.get_asyncgen_hooks(), threading.excepthook, sys.unraisablehook),
    }


def _settled(before):
    """The state after the threads that have been asked to end are gone."""
    deadline = time.monotonic() + 3
    while (now := _state())["threads"] - before["threads"] and time.monotonic() < deadline:
        time.sleep(0.002)
    new = {
        name: handlers
        for name, handlers in now["handlers"].items()
        if name not in before["handlers"] and handlers
    }
    assert new == {}
    now["handlers"] = {name: now["handlers"][name] for name in before["handlers"]}
    return now


@application
async def uses_threads(scope, receive, send):
    await _accept(receive, send)
    await asyncio.to_thread(time.sleep, 0.001)
    await anyio.to_thread.run_sync(time.sleep, 0.001)
    await _until_disconnect(receive)


@pytest.mark.parametrize("network", ["memory", "loopback"])
@pytest.mark.parametrize(
    "app", [stream(), echo, stubborn, uses_threads, leaves_generator_that_never_closes]
)
@pytest.mark.parametrize("kind", ["close", "abort", "stall", "vanish", "shutdown"])
def test_nothing_is_left_behind(app, kind, network, before):
    run(app, kind, "after-accept", network=network)
    gc.collect()
    assert _settled(before) == before


def test_a_thread_that_the_application_blocked_is_not_waited_for():
    release = threading.Event()

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        await asyncio.to_thread(release.wait)

    began = time.monotonic()
    recording = run(app)
    assert time.monotonic() - began < 10
    assert not all_of(recording, AppReturned)
    release.set()


@pytest.mark.parametrize("kind", ["close", "shutdown", "close+bystander"])
def test_a_thread_that_works_on_and_on_takes_no_more_real_time_than_there_is(kind, monkeypatch):
    """While a handler waits for it, real time passes: the check must not spend minutes of it."""
    monkeypatch.setattr(
        "wsdoctor.session.run.Timeouts.of",
        classmethod(lambda cls, timing: cls(grace=timing.grace, real=0.3)),
    )
    monkeypatch.setattr("wsdoctor.sim.clock._PATIENCE", 0.1)
    release = threading.Event()

    def work() -> None:
        while not release.wait(0.01):
            pass

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        task = asyncio.create_task(asyncio.to_thread(work))
        await _until_disconnect(receive)
        await task

    began = time.monotonic()
    recording = run(app, kind)
    assert time.monotonic() - began < 10
    release.set()
    assert not all_of(recording, AppReturned)
    if kind.endswith("bystander"):
        return
    assert recording.watched < 10
    (left,) = the(recording, ThreadsLeft).threads
    assert left.runs.endswith("work")
    cause = diagnose(recording).causes[0].occurrence
    assert cause.code == ("WSD403" if kind == "shutdown" else "WSD402")
    if kind == "close":
        assert f"never returned: {recording.watched:.1f} s after the end" in cause.message
        assert any("is in" in line and "work`" in line for line in cause.evidence)
        assert cause.setting == "thread"


def test_sockets_that_the_application_opened_are_its_own_business(before):
    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        theirs.sendall(b"x")
        await reader.read(1)
        theirs.close()
        writer.close()
        await _until_disconnect(receive)

    recording = run(app)
    assert asgi(recording)[-1] == "returned"
    gc.collect()
    assert _settled(before) == before


def test_what_the_application_logs_at_the_end_belongs_to_its_connection():
    log = logging.getLogger("tests.session.misbehaviour")

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        await _until_disconnect(receive)
        log.warning("gone: %s", "client")

    (record,) = all_of(run(app, server=LEGACY), LogEmitted)
    assert (record.message, record.level, record.connection) == ("gone: client", "WARNING", 1)
    assert record.time >= acted_at(run(app, server=LEGACY))

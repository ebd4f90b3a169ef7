"""The server under test: an unmodified uvicorn, in this process, on a socket of ours."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import importlib.util
import socket
import time
import warnings
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, Literal

import uvicorn

from wsdoctor.plan.budget import VIRTUAL
from wsdoctor.plan.servers import SERVERS
from wsdoctor.recording.case import RECONNECT
from wsdoctor.recording.events import ServerPhase, StackFrame, StartupStuck
from wsdoctor.session.recorder import Recorder
from wsdoctor.session.stacks import await_stack
from wsdoctor.session.tap import Tap

GRACEFUL_TIMEOUT = 3
"""Seconds (of the session's clock) of uvicorn's graceful time-out in ``shutdown-timeout``."""

PING = 1.0
"""Seconds between pings, and to answer one, in ``reconnect``."""

_OVERSIZE_LIMIT = 65_536

_LOOK, _LONG = 0.01, 60.0
"""Seconds between two looks whether the application has started, and after which one looks less often."""


def protocol_class(server: str) -> type[asyncio.Protocol] | None:
    """The protocol class of uvicorn for ``server``; None if it, or what it needs, is not installed."""
    known = SERVERS[server]
    module, _, name = known.protocol.partition(":")
    if importlib.util.find_spec(known.requires) is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # the legacy implementation says on import that it is one
            loaded = importlib.import_module(module)
    except ImportError:
        return None
    found: type[asyncio.Protocol] = getattr(loaded, name)
    return found


@functools.cache
def _observed(server: str) -> Any:
    """The protocol class of ``server``, with three arguments before its own.

    They are how many bytes it may keep for a client before its sends wait, None for its own limit,
    and what to call when a connection is lost, and when one was made. Raises LookupError if it is
    not installed.
    """
    base = protocol_class(server)
    if base is None:
        msg = f"{server} is not installed"
        raise LookupError(msg)

    class Observed(base):  # type: ignore[valid-type,misc]  # the base is chosen at run time
        def __init__(
            self,
            keeps: int | None,
            lost: Callable[[MutableMapping[str, Any]], None],
            made: Callable[[asyncio.Transport], None],
            *args: Any,
            **options: Any,
        ) -> None:
            super().__init__(*args, **options)
            self._wsdoctor = keeps, lost, made

        def connection_made(self, transport: asyncio.Transport) -> None:
            keeps = self._wsdoctor[0]
            if keeps is not None:
                transport.set_write_buffer_limits(high=keeps)
            super().connection_made(transport)
            self._wsdoctor[2](transport)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            scope = getattr(self, "scope", None)
            if scope is not None:
                self._wsdoctor[1](scope)

    # What the server raises names its class, and people know that one.
    Observed.__name__, Observed.__qualname__ = base.__name__, base.__qualname__
    return Observed


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.awake = asyncio.Event()
        self.awake.set()

    async def on_tick(self, counter: int) -> bool:
        """What it does ten times a second: nothing while it dozes."""
        await self.awake.wait()
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are wsdoctor's: Ctrl-C ends the run, not this server."""
        yield


class UvicornServer:
    """uvicorn on one implementation, serving ``tap``.

    ``lost(scope)`` is called when the server's transport of the connection with that scope is gone:
    from then on the server could tell the application; ``made(transport)`` when there is one.
    ``keeps``: of a client that stalls, how many bytes it may keep for it before its sends wait.
    """

    def __init__(
        self,
        tap: Tap,
        recorder: Recorder,
        server: str,
        kind: str,
        *,
        lost: Callable[[MutableMapping[str, Any]], None],
        made: Callable[[asyncio.Transport], None],
        keeps: int | None = None,
    ) -> None:
        options: dict[str, Any] = {"ws": functools.partial(_observed(server), keeps, lost, made)}
        if kind == "oversize":
            options["ws_max_size"] = _OVERSIZE_LIMIT
        if kind == RECONNECT:
            # uvicorn's own are 20 s each: the same happens, only later.
            options["ws_ping_interval"] = options["ws_ping_timeout"] = PING
        if kind == "shutdown-timeout":
            options["timeout_graceful_shutdown"] = GRACEFUL_TIMEOUT
        config = uvicorn.Config(
            tap,
            interface="asgi3",
            log_config=None,
            access_log=False,
            **options,
        )
        self._server = _Server(config)
        self._recorder = recorder
        self._task: asyncio.Task[None] | None = None

    async def start(self, sock: socket.socket, seconds: float) -> bool:
        """Start serving on ``sock``: False if the application's lifespan failed to start.

        So it has, too, if it does not answer within ``seconds`` of the wall, or twenty times as many
        of a virtual clock.
        """
        loop = asyncio.get_running_loop()
        began, began_really = loop.time(), time.monotonic()
        self._task = loop.create_task(self._serve(sock), name="wsdoctor-server")
        while not self._server.started and not self._task.done():
            passed, really = loop.time() - began, time.monotonic() - began_really
            if really > seconds:
                self._stuck(seconds, "wall")
                return False
            if passed > VIRTUAL * seconds:
                self._stuck(VIRTUAL * seconds, "virtual")
                return False
            # uvicorn sets a flag, and informs no task.
            await asyncio.sleep(_LOOK if passed < _LONG else 1.0)
        if not self._server.started:
            return False
        self._recorder.start_up = time.monotonic() - began_really
        self._phase("started")
        return True

    async def _serve(self, sock: socket.socket) -> None:
        try:
            await self._server.serve(sockets=[sock])
        except SystemExit:
            self._phase("startup-failed")
        except Exception as error:  # noqa: BLE001 - whatever the server raises is what is looked for
            self._phase("failed", error)
        else:
            self._phase("stopped" if self._server.started else "startup-failed")

    def _stuck(self, seconds: float, clock: Literal["virtual", "wall"]) -> None:
        """Record that the start-up does not answer, and where it is."""
        recorder = self._recorder
        stacks = [await_stack(recorder, task, 0) for task in asyncio.all_tasks()]
        users = [
            stack for stack in stacks if any(frame.user or _is_tap(frame) for frame in stack.stack)
        ]
        recorder.add(
            StartupStuck(
                **recorder.here(),
                seconds=seconds,
                clock=clock,
                stacks=tuple(sorted(users, key=lambda it: not any(map(_is_tap, it.stack)))),
            )
        )
        self._phase("startup-failed")

    def doze(self) -> None:
        """Stop the ticks of the server, until it is asked to stop.

        The server serves as before. Without ticks, minutes of virtual time cost nothing when nothing
        else happens.
        """
        self._server.awake.clear()

    def request_exit(self) -> None:
        """Ask the server to stop, as SIGTERM does."""
        if not self._server.should_exit:
            self._phase("exit-requested")
            self._server.should_exit = True
        self._server.awake.set()

    async def stopped(self, seconds: float) -> bool:
        """Wait until the server has stopped: False if it has not after ``seconds``."""
        assert self._task is not None
        await asyncio.wait([self._task], timeout=seconds)
        return self._task.done()

    def _phase(self, phase: Any, error: BaseException | None = None) -> None:
        recorder = self._recorder
        recorder.add(
            ServerPhase(
                **recorder.here(),
                phase=phase,
                exception=recorder.exception(error),
            )
        )


def _is_tap(frame: StackFrame) -> bool:
    """Whether it is wsdoctor's own between the server and the application."""
    return frame.function == Tap.__call__.__qualname__ and not frame.user

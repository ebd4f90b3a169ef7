"""The course of one session, from the start of the server to its end.

The order is always the same: start the server (the application's lifespan included), open the
client, perform the script, disconnect at the chosen moment, watch the handler end, watch what it
left behind, end the observation, take everything down.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
from collections import defaultdict
from collections.abc import Coroutine, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

from wsdoctor.plan.kinds import SERVER_KINDS, STALLING_KINDS
from wsdoctor.plan.moments import EVERY, HANDSHAKE, REVERSED, SURVEY, is_poll
from wsdoctor.recording.case import Case, Handshake, SendStep
from wsdoctor.recording.events import (
    ObservationEnded,
    ScriptStopped,
    StacksSampled,
    TransportLost,
)
from wsdoctor.recording.recording import MomentPassed
from wsdoctor.session.client import Client, ScriptError
from wsdoctor.session.driver import DriverFailedError, RefusedError, WebSocket, drive
from wsdoctor.session.http import Http
from wsdoctor.session.logs import LogCapture
from wsdoctor.session.loop import GeneratorObserver, exception_handler
from wsdoctor.session.moments import Moments
from wsdoctor.session.recorder import CONNECTION, Recorder
from wsdoctor.session.server import UvicornServer
from wsdoctor.session.tap import ASGIApp, Tap
from wsdoctor.session.tasks import TaskObserver
from wsdoctor.sim.engine import (
    Clock,
    EventLoop,
    VirtualEventLoop,
)
from wsdoctor.target.driver import Driver

IDLE = 0.9
"""Seconds of quiet before a disconnect at the moment ``idle``."""

STALL = 5.0
"""Seconds between the last read and the close frame of ``stall-close``."""

_BURST = (SendStep(text="{}"),) * 3
_SMALL_BUFFER = 4096
"""Bytes: small enough for the buffers to fill while a client that stopped reading is watched."""

_TURN = 1.0
"""Seconds (virtual, or of the wall) that the server is given to stop beside a client that stalls."""

_SURVEYED = 3
"""Messages after which a survey has seen enough."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a session waits, in seconds of its clock.

    ``script``: for the handshake, and for each message. ``grace``: for a handler or task to end
    before it is called late. ``watch``: for it to end at all. ``stop``: for the server to stop.
    """

    script: float = 35.0
    grace: float = 0.5
    watch: float = 120.0
    stop: float = 30.0

    @classmethod
    def for_clock(cls, clock: Clock, grace: float) -> Patience:
        """Virtual seconds cost nothing; of wall seconds somebody pays every one."""
        if clock == "virtual":
            return cls(grace=grace)
        return cls(script=10.0, grace=grace, watch=50.0, stop=15.0)


class Course:
    """One running session.

    Connection 1 is the client that disconnects. Connection 2 is a second visit, made only if the
    first left a task behind that does not end: does every visit leave one, or was it the first?
    """

    _buffer = _SMALL_BUFFER
    """Bytes of each socket's buffer towards a client that stalls …"""
    _server_keeps: int | None = _SMALL_BUFFER
    """… and that the server may keep for it, None for as many as it does."""

    def __init__(
        self,
        case: Case,
        app: ASGIApp,
        recorder: Recorder,
        loop: EventLoop,
        patience: Patience,
        *,
        driver: Driver | None = None,
    ) -> None:
        self._case = case
        self._driver = driver
        self._recorder = recorder
        self._loop = loop
        self._patience = patience
        self._tasks = TaskObserver(recorder, of_all=case.bystander)
        self._generators = GeneratorObserver(recorder)
        self._scopes: dict[int, int] = {}
        self._tap = Tap(app, recorder, self._connection_of)
        self._tap.on_called = self._called
        self._tap.on_send = self._sending
        self._tap.on_received = self._received
        self._tap.on_end_known = self._end_known
        self._tap.on_returned = self._app_returned
        self._returned: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self._was_called = asyncio.Event()
        self._armed = False
        self._sampling = False
        self._acted = asyncio.Event()
        self._client: Client | None = None
        self._visitor: Client | None = None
        self._observed = False
        self._names = Moments(connection=1)
        self.moments: list[MomentPassed] = []
        self.opened = True
        self.together = False
        self.used_wall_time = False
        loop.set_task_factory(self._tasks.create)
        loop.ordered = recorder.ordered
        self._chosen = case.moment.removesuffix(REVERSED)
        self._swept = case.moment == EVERY or is_poll(case.moment)
        if self._swept and isinstance(loop, VirtualEventLoop):
            loop.watch(CONNECTION, self._before_poll)

    @property
    def read(self) -> int:
        """How many messages the script has asked for."""
        return 0 if self._client is None else self._client.read

    @property
    def moments_left_out(self) -> int:
        """How many polls of the life have no name, for there are too many like them."""
        return self._names.left_out

    # --- what the tap and the server tell

    def _connection_of(self, scope: MutableMapping[str, Any]) -> int:
        number = len(self._scopes) + 1
        self._scopes[id(scope.get("headers"))] = number
        return number

    def _lost(self, scope: MutableMapping[str, Any]) -> None:
        # A server may hand a copy of its scope to the application, but not of the header list.
        if number := self._scopes.get(id(scope.get("headers"))):
            recorder = self._recorder
            recorder.add(
                TransportLost(time=recorder.now(), step=recorder.step(), connection=number)
            )
            self._end_known(number)

    def _made(self, transport: asyncio.Transport) -> None:
        """The server has got a connection."""

    def _called(self, number: int) -> None:
        self._tasks.adopt(number)
        self._was_called.set()
        if self._case.moment == HANDSHAKE and number == 1:
            self._disconnect()

    def _sending(self, number: int, message: str) -> None:
        if self._armed and number == 1 and message == "websocket.send":
            self._disconnect()

    def _app_returned(self, number: int) -> None:
        self._returned[number].set()
        if number == 1:
            self._generators.returned(number)

    def _received(self, number: int) -> None:
        if number == 1:
            self._generators.hold(number)

    def _end_known(self, number: int) -> None:
        """Look at the stacks once the grace time after the end of the connection has passed."""
        if not self._sampling and number == 1:
            self._sampling = True
            self._generators.hold(number)
            self._generators.sample(number)
            self._loop.call_later(self._patience.grace, self._sample, "teardown")

    def _sample(
        self, reason: Literal["teardown", "returned", "hang", "shutdown"], number: int = 1
    ) -> None:
        if reason == "teardown" and self._returned[number].is_set():
            return
        if reason == "hang":
            self._generators.release()
        recorder = self._recorder
        recorder.add(
            StacksSampled(
                time=recorder.now(),
                step=recorder.step(),
                connection=number,
                reason=reason,
                stacks=self._tasks.stacks(number),
            )
        )

    def _before_poll(self) -> bool:
        """Name the poll that is about to come, and disconnect if it is the chosen one."""
        if self._client is None or self._observed:
            return False
        assert isinstance(self._loop, VirtualEventLoop)
        name = self._names.poll(self._recorder.events, ran=self._loop.ran())
        if not name:
            return False
        if self._chosen in {EVERY, name}:
            lines = (*self._tasks.suspended(1), *self._generators.suspended(1))
            self.moments.append(MomentPassed(name, tuple(dict.fromkeys(lines))))
        if name != self._chosen:
            return False
        self._loop.unwatch(reverse=self._case.moment.endswith(REVERSED))
        self._disconnect()
        return True

    # --- the course of a session

    async def run(self, logs: LogCapture) -> None:
        case, recorder = self._case, self._recorder
        self._loop.set_exception_handler(functools.partial(exception_handler, recorder))
        self._generators.install()
        stalls = case.act in STALLING_KINDS
        sock = self._loop.listen(
            send_buffer=self._buffer if stalls else None, joins=not case.bystander
        )
        port = sock.getsockname()[1]
        self._server = UvicornServer(
            self._tap,
            recorder,
            case.server,
            case.act,
            lost=self._lost,
            made=self._made,
            keeps=self._server_keeps if stalls else None,
        )
        try:
            if await self._server.start(sock):
                logs.attach()
                await self._converse(port)
        finally:
            self._end_observation()
            await self._take_down()
            sock.close()

    async def _converse(self, port: int) -> None:
        case = self._case
        self._port = port
        if self._driver is None:
            await self._open(1)
        if self._swept:
            await self._live()
            await self._watch()
            return
        try:
            if case.moment == HANDSHAKE:
                await self._reach_handshake()
            elif (client := await self._opened(1)) is None:
                await self._watch()
                return
            else:
                await client.perform(case.script, self._patience.script)
                await self._reach_moment(client)
        except ScriptError as error:
            self._script_stopped(error)
        if case.act == "stall-close":
            await asyncio.sleep(STALL)
            self._close()
        await self._watch()

    async def _live(self) -> None:
        """The whole life of a connection, up to a plain close, unless the chosen moment ends it."""
        await self._unless_acted(self._conversation())
        if self._acted.is_set() and not await _within(IDLE, self._was_called):
            return  # the server never got to see the request
        if not self._acted.is_set():
            self._close()
        elif self._case.act == "stall-close":
            await asyncio.sleep(STALL)
            self._close()

    async def _unless_acted(self, doing: Coroutine[Any, Any, object]) -> None:
        """Wait for ``doing``, up to the disconnect. Raises what it raises."""
        life = asyncio.ensure_future(doing)
        acted = asyncio.ensure_future(self._acted.wait())
        await asyncio.wait((life, acted), return_when=asyncio.FIRST_COMPLETED)
        acted.cancel()
        if self._acted.is_set():
            life.cancel()
            # What it raises from now on is of no interest.
            life.add_done_callback(lambda task: task.cancelled() or task.exception())
        else:
            life.result()

    async def _conversation(self) -> None:
        try:
            if (client := await self._opened(1)) is not None:
                await client.perform(self._case.script, self._patience.script)
                await asyncio.sleep(IDLE)
        except DriverFailedError as error:
            if not self._acted.is_set():  # else it is an answer to the disconnect
                self._script_stopped(error)
        except ScriptError:
            pass  # the life is over, and was one all the same

    async def _reach_handshake(self) -> None:
        try:
            async with asyncio.timeout(self._patience.script):
                if self._driver is not None:
                    await self._unless_acted(self._opened(1))
                await self._acted.wait()
        except TimeoutError:
            raise ScriptError("the handshake") from None

    async def _opened(self, number: int) -> Client | None:
        """Client ``number`` once its handshake is accepted, and its driver is through; None if refused.

        Raises ScriptError.
        """
        patience = self._patience
        if self._driver is not None:
            handshake = self._case.handshake
            http = Http(
                lambda factory: self._loop.connect(factory, self._port),
                self._recorder,
                host=f"127.0.0.1:{self._port}",
                headers=handshake.headers,
                patience=patience.script,
            )
            socket = WebSocket(lambda given: self._open(number, given), handshake, patience.script)
            try:
                return await drive(self._driver, http, socket, patience.watch)
            except RefusedError:
                return None
        client = self._client if number == 1 else await self._open(number)
        assert client is not None
        try:
            async with asyncio.timeout(patience.script):
                return client if await client.opened() else None
        except TimeoutError:
            raise ScriptError("the handshake") from None

    async def _open(self, number: int, handshake: Handshake | None = None) -> Client:
        return await self._loop.connect(
            lambda: self._new_client(number, handshake or self._case.handshake),
            self._port,
            receive_buffer=self._buffer if self._case.act in STALLING_KINDS else None,
        )

    def _new_client(self, number: int, handshake: Handshake) -> Client:
        driven = self._driver is not None
        client = Client(self._recorder, number, handshake, self._port, driven=driven)
        if number == 1:
            # Before it is connected: the handshake has moments, too.
            self._client = client
            client.on_close_answered = lambda: self._end_known(1)
        else:
            self._visitor = client
        return client

    def _close(self) -> None:
        if self._client is not None:
            self._client.close(1000)

    def _script_stopped(self, error: ScriptError) -> None:
        recorder = self._recorder
        failed = isinstance(error, DriverFailedError)
        recorder.add(
            ScriptStopped(
                time=recorder.now(),
                step=recorder.step(),
                connection=1,
                waiting_for=f"the driver, which {error}" if failed else str(error),
                driver=str(error) if failed else "",
                exception=recorder.exception(error.__cause__ if failed else None),
            )
        )
        self._disconnect()

    async def _reach_moment(self, client: Client) -> None:
        moment, patience = self._case.moment, self._patience.script
        if moment.startswith("after:"):
            await client.receive(int(moment.removeprefix("after:")), patience)
        elif moment == "mid-send":
            await client.receive(1, patience)
            self._armed = True
            try:
                async with asyncio.timeout(patience):
                    await self._acted.wait()
            except TimeoutError:
                msg = "the application's next send"
                raise ScriptError(msg) from None
        elif moment == "idle":
            await asyncio.sleep(IDLE)
            if client.over:
                msg = "quiet on an open connection (it ended first)"
                raise ScriptError(msg)
        elif moment == SURVEY:
            with contextlib.suppress(ScriptError):
                await client.receive(client.messages + _SURVEYED, patience)
                # Does the connection stay open long enough to be met in the quiet?
                await asyncio.sleep(IDLE)
        self._disconnect()

    def _disconnect(self) -> None:
        if self._acted.is_set():
            return
        self._armed = False
        self._acted.set()
        self.opened = self._client is not None and self._client.answered
        if self._case.act in SERVER_KINDS:
            self._server.request_exit()
        elif self._client is not None:
            self._client.disconnect(self._case.act, self._burst(self._client))

    def _burst(self, client: Client) -> tuple[SendStep, ...]:
        """The messages of ``burst``: those of the script, or the driver's last one, or such as any client's."""
        if own := tuple(step for step in self._case.script if isinstance(step, SendStep)):
            return own
        if self._driver is None:
            return _BURST
        # Of its protocol nothing else is known: before it has spoken there is nothing to say.
        return (client.sent,) * len(_BURST) if client.sent else ()

    async def _watch(self) -> None:
        """Watch the handler end, then what it left behind."""
        patience = self._patience
        if not self._was_called.is_set():
            return
        if not await _within(patience.watch, self._returned[1]):
            self._sample("hang")
            return
        await asyncio.sleep(patience.grace)
        if self._tasks.alive(1):
            # One that nobody holds does not stay: elsewhere the collector comes by itself.
            gc.collect()
        if self._tasks.alive(1):
            self._sample("returned")
            await self._tasks_ended(patience.watch)
            if self._tasks.alive(1) and self._case.act not in SERVER_KINDS:
                await self._visit_again()
        stops = self._case.act in SERVER_KINDS and self._acted.is_set()
        if stops and not await self._server.stopped(patience.stop):
            self._sample("shutdown")
        if is_poll(self._case.moment) and not self._acted.is_set():
            self._script_stopped(ScriptError(f"the moment {self._case.moment}"))

    async def _visit_again(self) -> None:
        """A second client, which does the same and closes in the plain way."""
        patience = self._patience
        with contextlib.suppress(ScriptError, TimeoutError, OSError):
            try:
                visitor = await self._opened(2)
                if visitor is not None:
                    await visitor.perform(self._case.script, patience.script)
                    await asyncio.sleep(IDLE)
                    visitor.close(1000)
                    async with asyncio.timeout(patience.script):
                        await self._returned[2].wait()
                    await asyncio.sleep(patience.grace)
                    self._sample("returned", 2)
            finally:
                if self._visitor is not None:
                    self._visitor.abandon()

    async def _tasks_ended(self, seconds: float) -> None:
        alive = self._tasks.alive(1)
        if alive:
            await asyncio.wait(alive, timeout=seconds)
            del alive

    def _end_observation(self) -> None:
        # What was left without a reference is finalized now, so that its complaints are in the recording.
        gc.collect()
        recorder = self._recorder
        recorder.add(ObservationEnded(time=recorder.now(), step=recorder.step()))
        self._observed = True
        if isinstance(self._loop, VirtualEventLoop):
            self.together = self._loop.together > 0
            self.used_wall_time = self._loop.used_wall_time

    async def _take_down(self) -> None:
        if self._case.act in STALLING_KINDS:
            # With the client still there: servers have been seen to fail at that.
            self._server.request_exit()
            await self._server.stopped(_TURN)
        if self._client is not None:
            self._client.abandon()
        self._server.request_exit()
        for task in (*self._tasks.alive(1), *self._tasks.alive(2)):
            task.cancel()
        await self._server.stopped(self._patience.stop)


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True

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
import itertools
import math
from collections import defaultdict
from collections.abc import Coroutine, Hashable, MutableMapping, Sequence
from typing import Any, Literal

from wsdoctor.plan.kinds import BURST, BURST_KINDS, SERVER_KINDS, STALLING_KINDS
from wsdoctor.plan.moments import (
    EVERY,
    HANDSHAKE,
    QUIET,
    REVERSED,
    SURVEY,
    SURVEYED,
    TIMER,
    is_poll,
)
from wsdoctor.private.asyncio import next_timer, timer_of
from wsdoctor.recording.case import (
    AGAIN,
    BEFORE,
    LATE,
    RUNNING,
    SCARCE,
    THIRD,
    TOGETHER,
    Case,
    Handshake,
    SendStep,
)
from wsdoctor.recording.events import (
    AppReturned,
    ClientActed,
    HandshakeAccepted,
    ObservationEnded,
    ScriptStopped,
    SendCalled,
    StackFrame,
    StacksSampled,
    TransportLost,
)
from wsdoctor.recording.recording import Asked, MomentPassed
from wsdoctor.session.awareness import Awareness
from wsdoctor.session.client import Client, ScriptError
from wsdoctor.session.connections import ConnectionObserver
from wsdoctor.session.containers import ContainerObserver
from wsdoctor.session.driver import DriverFailedError, RefusedError, WebSocket, drive
from wsdoctor.session.http import Http
from wsdoctor.session.locks import LockObserver
from wsdoctor.session.logs import LogCapture
from wsdoctor.session.loop import GeneratorObserver, exception_handler, future_made
from wsdoctor.session.moments import MomentNames
from wsdoctor.session.others import Disguise, ways
from wsdoctor.session.probes import Probe, ProbeReader
from wsdoctor.session.recorder import CONNECTION, Recorder
from wsdoctor.session.repeats import Others, Repeats
from wsdoctor.session.resources import ResourceObserver
from wsdoctor.session.server import UvicornServer
from wsdoctor.session.states import StateObserver
from wsdoctor.session.tap import ASGIApp, Tap
from wsdoctor.session.tasks import TaskObserver
from wsdoctor.session.thread_observer import ThreadObserver
from wsdoctor.session.threads import carry_into_threads
from wsdoctor.session.timeouts import Timeouts
from wsdoctor.session.timers import TimerObserver
from wsdoctor.sim.engine import (
    EventLoop,
    VirtualEventLoop,
)
from wsdoctor.target.driver import Driver

IDLE = 0.9
"""Seconds of quiet before a disconnect at the moment ``idle``."""

_SHORTLY = 0.001
"""Seconds before a timer at which a client leaves at the moment ``timer``."""

_ODD = 0.037
"""Seconds after which nothing is under way that comes at round intervals."""

STALL = 5.0
"""Seconds between the last read and the end in ``stall-close`` and ``stall-abort``."""

_SMALL_BUFFER = 4096
"""Bytes: small enough for the buffers to fill while a client that stopped reading is watched."""

_TURN = 1.0
"""Seconds (virtual, or of the wall) that the server is given to stop beside a client that stalls."""


class Session:
    """One running session.

    Connection 1 is the client that disconnects. If it leaves something behind there are more (see
    ``Repeats``): each visitor does what the first client did, and leaves as it did.
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
        patience: Timeouts,
        *,
        awareness: Awareness,
        threads: ThreadObserver,
        timers: TimerObserver,
        locks: LockObserver,
        resources: ResourceObserver,
        probes: Sequence[Probe] = (),
        driver: Driver | None = None,
        handler: StackFrame | None = None,
        compare: bool = False,
    ) -> None:
        self._case = self._guise = case
        self._handler = handler
        self._compares = compare
        self._others_since: int | None = None
        self._driver = driver
        self._resources = resources
        self._recorder = recorder
        self._loop = loop
        self._patience = patience
        self._tasks = TaskObserver(recorder, awareness, of_all=case.bystander)
        self._generators = GeneratorObserver(recorder)
        self._locks = locks
        self._states = StateObserver(recorder, self._tasks, self._generators)
        self._scopes: dict[int, int] = {}
        self._connections = self._alike = 0
        self._tap = Tap(app, recorder, self._connection_of, awareness)
        self._tap.on_called = self._called
        self._tap.on_send = self._sending
        self._tap.on_received = self._received
        self._tap.on_end_known = self._end_known
        self._tap.on_returned = self._app_returned
        self._returned: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self._sampled_at: float | None = None
        self._observed = False
        self._clients: list[Client] = []
        self._visits = Repeats(
            loop,
            patience,
            tasks=self._tasks,
            kept=ConnectionObserver(recorder, self._tap, loop.time, timers),
            probes=ProbeReader(recorder, probes, loop.time),
            locks=locks,
            threads=threads,
            timers=timers,
            resources=resources,
            containers=ContainerObserver(recorder, self._tap, libraries=not is_poll(case.at)),
            sample=functools.partial(self._sample, "returned"),
        )
        self._companion: Client | None = None
        self._begin_visit(1)
        self.moments: list[MomentPassed] = []
        self.opened = True
        self.together = False
        self.used_wall_time = False
        self.asked: tuple[Asked, ...] = ()
        self.waited = 0.0
        self.streamed = False
        self.by_date = ""
        self.as_before = False
        self.timer = False
        self.shared_timer = False
        self.watched = patience.watch
        self._tasks.install(loop)
        loop.ordered = recorder.ordered
        carry_into_threads(loop)
        resources.look_after(loop)
        self._chosen = case.at.removesuffix(REVERSED)
        self._swept = case.at == EVERY or is_poll(case.at)
        if self._swept and isinstance(loop, VirtualEventLoop):
            loop.watch(CONNECTION, self._before_poll)
        if isinstance(loop, VirtualEventLoop):
            loop.own_time_outs(CONNECTION)

    def _begin_visit(self, number: int, *, quietly: bool = False) -> None:
        """From now on connection ``number`` is the one that disconnects; ``quietly``: at no moment."""
        self._visit = number
        self._quietly = quietly
        self._was_called = asyncio.Event()
        self._acted = asyncio.Event()
        self._armed = False
        self._due: float | None = None
        self._client: Client | None = None
        self._names = MomentNames(connection=number)

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
        if not self._visit:
            return 0
        self._connections += 1
        for known in (scope, scope.get("headers")):
            self._scopes[id(known)] = self._connections
        return self._connections

    def _lost(self, scope: MutableMapping[str, Any]) -> None:
        # A server may hand a copy of its scope to the application, and Starlette puts another list of
        # headers into the scope when code reads them. Only one of the two happens.
        known = map(self._scopes.get, (id(scope), id(scope.get("headers"))))
        if number := next(filter(None, known), 0):
            recorder = self._recorder
            recorder.add(TransportLost(**recorder.here(), connection=number))
            self._end_known(number)

    def _made(self, transport: asyncio.Transport) -> None:
        """The server has got a connection."""
        self._states.made(transport)

    def _called(self, number: int) -> None:
        self._tasks.adopt(number)
        self._was_called.set()
        if self._case.at == HANDSHAKE and number == self._visit:
            self._disconnect()

    def _sending(self, number: int, message: str) -> None:
        if self._armed and number == self._visit and message == "websocket.send":
            self._disconnect()

    def _app_returned(self, number: int) -> None:
        self._returned[number].set()
        self._loop.connection_ends()
        if number == 1:
            self._generators.returned(number)

    def _received(self, number: int) -> None:
        if number == self._visit and self._due is not None and self._acted.is_set():
            self._loop.pass_time(self._due)
            self._due = None
        if number == 1:
            self._generators.hold(number)

    def _end_known(self, number: int) -> None:
        """Look at the stacks once the grace time after the end of the connection has passed.

        The end has several signs, which may be seconds apart: a server that has answered the
        client's close frame may tell the application only when the transport is gone.
        """
        self._loop.connection_ends()
        now = self._loop.time()
        if number != 1 or (self._sampled_at is not None and now < self._sampled_at):
            return
        if self._sampled_at is None:
            self._generators.hold(number)
            self._generators.sample(number)
        self._sampled_at = now + self._patience.grace
        self._loop.call_at(self._sampled_at, self._sample, "teardown")

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
                **recorder.here(),
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
        if self._chosen in {EVERY, name} and self._visit == 1:
            lines = (*self._tasks.suspended(1), *self._generators.suspended(1))
            spoken = self._client.sent is not None
            passed = MomentPassed(name, tuple(dict.fromkeys(lines)), spoken, *self._state(1))
            self.moments.append(passed)
        if name != self._chosen:
            return False
        if self._visit == 1:
            self._loop.unwatch(reverse=self._case.at.endswith(REVERSED))
        self._disconnect()
        return True

    def _state(self, number: int) -> tuple[int, int]:
        """The state of connection ``number`` and its place, if all moments of a life are gone through."""
        if self._chosen != EVERY or self._client is None:
            return 0, 0
        return self._states.of(number, (self._names.step, self._client.over))

    # --- the course of a session

    async def run(self, logs: LogCapture) -> None:
        case, recorder = self._case, self._recorder
        self._loop.made = functools.partial(future_made, recorder)
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
        before = after = None
        try:
            # While a thread of the start-up's is waited for, no virtual time would pass.
            self._loop.give_up_threads(self._patience.start)
            if await self._server.start(sock, self._patience.start):
                self._loop.give_up_threads(math.inf)
                logs.attach()
                self._port = port
                self._resources.know_pools()
                before = self._application() if self._compares else None
                await self._let_time_pass()
                await self._converse(port)
                after = None if before is None else self._application()
        finally:
            self._end_observation()
            await self._take_down()
            sock.close()
        if before is not None:
            # A client that stays to the end is a part of it until then; a shutdown may take some away.
            # A task that runs on after its cancel() may still change it.
            self.as_before = not self._visits.is_at_work(self._numbers()) and (
                before == after or before == self._application()
            )

    async def _converse(self, port: int) -> None:
        self._port = port
        await self._visits.begin(1)
        await self._live_and_leave()
        if self._case.situation == AGAIN and self._acted.is_set():
            await self._come_and_go()
        await self._watch()

    def _application(self) -> Hashable:
        """What the application holds, as far as that is looked at; None if it is too much."""
        shared = self._states.shared()
        return None if shared is None else (shared, frozenset(self._visits.held().items()))

    async def _let_time_pass(self) -> None:
        """Play everything that precedes the client in its situation.

        Clients that come and leave before it are connection 0, and no rule judges them.
        """
        if self._case.situation == LATE:
            await asyncio.sleep(RUNNING)
        self._resources.rehearsing = self._case.situation == SCARCE
        for _ in range(BEFORE if self._case.situation in {THIRD, SCARCE} else 0):
            self._begin_visit(0, quietly=True)
            with contextlib.suppress(OSError):
                await self._live_quietly()
            await asyncio.sleep(self._patience.grace)
            self._begin_visit(1)
        if self._resources.rehearsing:
            self._resources.make_scarce()

    async def _come_and_go(self) -> None:
        """The same client comes once more, and leaves, while the server holds its old connection.

        It is connection 0: what its handler does is not judged.
        """
        visit = self._as_a_visit()
        self._begin_visit(0, quietly=True)
        with contextlib.suppress(OSError):
            await self._live_quietly()
        await asyncio.sleep(self._patience.grace)
        self._go_back_to(visit)

    def _as_a_visit(self) -> tuple[bool, asyncio.Event, asyncio.Event, Client | None, MomentNames]:
        return self._quietly, self._was_called, self._acted, self._client, self._names

    def _go_back_to(
        self, visit: tuple[bool, asyncio.Event, asyncio.Event, Client | None, MomentNames]
    ) -> None:
        self._visit = 1
        self._quietly, self._was_called, self._acted, self._client, self._names = visit

    async def _bring_companion(self) -> None:
        """A second client, which does what the script says, and leaves right behind the first one.

        It is connection 0: what its handler does is not judged. An application that lets it not in, or
        lets the first one go for it, has one client only, as in all other cases.
        """
        visit = self._as_a_visit()
        self._begin_visit(0, quietly=True)
        with contextlib.suppress(OSError, ScriptError):
            if self._driver is None:
                await self._open()
            if (companion := await self._opened()) is not None:
                await companion.perform(self._case.script, self._patience.script)
                self._companion = companion
        self._go_back_to(visit)

    async def _live_and_leave(self) -> None:
        """What the client does, up to the disconnect."""
        together = self._case.situation == TOGETHER and self._visit == 1
        if together and self._swept:
            await self._bring_companion()
        if self._driver is None:
            await self._open()
        if self._swept:
            await self._live()
            return
        try:
            if self._case.at == HANDSHAKE:
                await self._reach_handshake()
            elif (client := await self._opened()) is None:
                return
            else:
                await client.perform(self._guise.script, self._patience.script)
                if together:
                    await asyncio.sleep(_ODD)
                    await self._bring_companion()
                await self._reach_moment(client)
        except ScriptError as error:
            self._script_stopped(error)
        await self._end_stall()

    async def _end_stall(self) -> None:
        """What a client does at last that has stopped reading."""
        if self._case.act == "stall-close":
            await asyncio.sleep(STALL)
            self._close()
        elif self._case.act == "stall-abort":
            await asyncio.sleep(STALL)
            if self._client is not None:
                self._client.reset()

    async def _live(self) -> None:
        """The whole life of a connection, up to a plain close, unless the chosen moment ends it."""
        await self._unless_acted(self._conversation())
        if self._acted.is_set() and not await _within(IDLE, self._was_called):
            return  # the server never got to see the request
        if not self._acted.is_set():
            self._close()
        else:
            await self._end_stall()

    async def _live_quietly(self) -> None:
        if self._driver is None:
            await self._open()
        await self._conversation()
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
            if (client := await self._opened()) is not None:
                await client.perform(self._guise.script, self._patience.script)
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
                    await self._unless_acted(self._opened())
                await self._acted.wait()
        except TimeoutError:
            raise ScriptError("the handshake") from None

    async def _opened(self) -> Client | None:
        """As ``_is_opened``; what comes from outside meanwhile keeps its pace."""
        with self._loop.attentive():
            return await self._is_opened()

    async def _is_opened(self) -> Client | None:
        """The client once its handshake is accepted, and its driver is through; None if refused.

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
            socket = WebSocket(self._open, handshake, patience.script)
            try:
                return await drive(self._driver, http, socket, patience.watch)
            except RefusedError:
                return None
        client = self._client
        assert client is not None
        try:
            async with asyncio.timeout(patience.script):
                return client if await client.opened() else None
        except TimeoutError:
            raise ScriptError("the handshake") from None

    async def _open(self, handshake: Handshake | None = None) -> Client:
        return await self._loop.connect(
            lambda: self._new_client(handshake or self._guise.handshake),
            self._port,
            receive_buffer=self._buffer if self._case.act in STALLING_KINDS else None,
        )

    def _new_client(self, handshake: Handshake) -> Client:
        driven = self._driver is not None
        client = Client(
            self._recorder,
            self._visit,
            handshake,
            self._port,
            driven=driven,
            compresses=self._compresses(),
        )
        client.attentive = self._loop.attentive
        # Before it is connected: the handshake has moments, too.
        self._client = client
        self._clients.append(client)
        if self._visit == 1:
            client.on_close_answered = lambda: self._end_known(1)
        return client

    def _compresses(self) -> bool:
        """Whether the client offers compression, as browsers do.

        In a stream of large frames nine tenths of the time would be zlib's. So it is done where it is
        part of what happens (how soon a client that stalls has filled the buffers), in the survey, and
        at the named moments of the plainest kind.
        """
        case = self._case
        plain = case.kind == "close" and not case.situation and not self._swept
        return plain or case.act in STALLING_KINDS

    def _close(self) -> None:
        if self._client is not None:
            self._client.close(1000)

    def _script_stopped(self, error: ScriptError) -> None:
        recorder = self._recorder
        failed = isinstance(error, DriverFailedError)
        recorder.add(
            ScriptStopped(
                **recorder.here(),
                connection=self._visit,
                waiting_for=f"the driver, which {error}" if failed else str(error),
                driver=str(error) if failed else "",
                exception=recorder.exception(error.__cause__ if failed else None),
            )
        )
        self._disconnect()

    async def _reach_moment(self, client: Client) -> None:
        moment, patience = self._case.at, self._patience.script
        if moment.startswith("after:"):
            await client.receive(int(moment.removeprefix("after:")), patience)
        elif moment == "mid-send":
            await client.receive(1, patience)
            self._armed = True
            try:
                with self._loop.attentive():
                    async with asyncio.timeout(patience):
                        await self._acted.wait()
            except TimeoutError:
                msg = "the application's next send"
                raise ScriptError(msg) from None
        elif moment == QUIET:
            await asyncio.sleep(IDLE)
            if client.over and self._case.situation != TOGETHER:
                msg = "quiet on an open connection (it ended first)"
                raise ScriptError(msg)
        elif moment == TIMER:
            await self._reach_timer(client)
        elif moment == SURVEY:
            with contextlib.suppress(ScriptError):
                self._loop.call_later(_ODD, self._note_timer)
                await client.receive(client.messages + SURVEYED, patience)
                # Does the connection stay open long enough to be met in the quiet?
                await asyncio.sleep(IDLE)
        self._disconnect()

    async def _reach_timer(self, client: Client) -> None:
        """Wait until such a timer is about to fire. Raises ScriptError if there is none.

        A timer counts that the survey has seen: one that is due within the client's patience at a time
        when the survey's client was there. The end of its stay is no end of the wait for that timer.
        """
        stay = self._loop.time() + self._patience.script + IDLE
        while self._loop.time() <= stay + self._patience.script and not client.over:
            self._due = due = self._next_timer()
            if due is None and self._loop.time() > stay:
                break
            ahead = _ODD if due is None else due - _SHORTLY - self._loop.time()
            if ahead <= 0:
                if due is not None and self._case.act not in BURST_KINDS:
                    # The server reads the end in the very iteration in which the timer fires.
                    self._loop.call_soon(self._loop.pass_time, due)
                    self._due = None
                return
            await asyncio.sleep(ahead)
        self._due = None
        msg = "a timer of the handler's, or of a task that sends to all clients"
        raise ScriptError(msg)

    def _next_timer(self) -> float | None:
        """When the next timer is due; None if that is later than a client has patience.

        For a burst it is the handler's, otherwise that of a task which sends to all clients.
        """
        if self._case.act in BURST_KINDS or self._case.at == SURVEY:
            due = next_timer(self._loop, CONNECTION, self._visit)
        else:
            due = self._next_shared_timer()
        return None if due is None or due > self._loop.time() + self._patience.script else due

    def _next_shared_timer(self) -> float | None:
        due = (timer_of(self._loop, task) for task in list(self._tap.outsiders))
        return min((time for time in due if time is not None), default=None)

    def _note_timer(self) -> None:
        if self._client is not None and not self._client.over:
            self.shared_timer |= self._next_shared_timer() is not None
            # Once the connection is being closed, timers are the server's that closes it.
            self.timer = self.timer or self._next_timer() is not None

    def _disconnect(self) -> None:
        if self._acted.is_set() or self._quietly:
            return
        self._armed = False
        self._acted.set()
        self._loop.connection_ends()
        if self._visit == 1:
            if self._case.at == SURVEY:
                self._note_timer()  # in vain if it fires just now
            self.opened = self._client is not None and self._client.answered
        if self._case.act in SERVER_KINDS:
            self._server.request_exit()
        elif self._client is not None:
            self._client.disconnect(self._case.act, self._burst(self._client))
            if self._companion is not None and self._visit == 1:
                self._companion.disconnect(self._case.act, self._burst(self._companion))

    def _burst(self, client: Client) -> tuple[SendStep, ...]:
        """The messages of a burst, those of the script over again; or the driver's last one, or ``{}``."""
        own = tuple(step for step in self._guise.script if isinstance(step, SendStep))
        if not own and self._driver is not None:
            # Nothing else is known about its protocol. Until it has spoken, there is nothing to say.
            own = (client.sent,) if client.sent else ()
        elif not own:
            own = (SendStep(text="{}"),)
        return tuple(itertools.islice(itertools.cycle(own), BURST))

    async def _watch(self) -> None:
        """Watch the handler end, then what it left behind."""
        patience = self._patience
        if not self._was_called.is_set():
            return
        if self._case.act not in SERVER_KINDS:
            self._server.doze()
        if not await self._returns():
            self._sample("hang")
            if self._case.situation == THIRD:
                self._locks.report(0)  # it may wait for what one before it has left held
            await self._visits.give_up()
            return
        await self._visits.settle(1)
        stays = await self._visits.stay()
        if is_poll(self._case.at) and not self._acted.is_set():
            self._script_stopped(ScriptError(f"the moment {self._case.moment}"))
        if self._case.act not in SERVER_KINDS:
            await self._let_more_come(stays=stays)
        elif self._acted.is_set() and not await self._server.stopped(patience.stop):
            self._sample("shutdown")

    async def _let_more_come(self, *, stays: bool) -> None:
        """More clients, if something of the first one ``stays``, or containers have grown with it."""
        others = Others(self._ways, self._visit_apart)
        quiet = self._case.act == "close" and self._case.at in {EVERY, QUIET}
        if stays:
            self._note_order()
            await self._visits.go_on(self._visit_as, others, quiet=quiet)
        elif not self._case.bystander and await self._visits.grew():
            self._note_order()
            quietly = functools.partial(self._visit_as, quietly=True)
            await self._visits.grow(self._visit_as, quietly, self._refused, others, quiet=quiet)
        if self._others_since is not None:
            self._recorder.forget(self._others_since, frozenset(range(1, self._alike + 1)))

    async def _returns(self) -> bool:
        """Whether the handler returns while it is watched.

        It may be waiting for a thread that does not end, and with which time passes as it really does.
        """
        loop, began = self._loop, self._loop.time()
        loop.give_up_threads(self._patience.real)
        if await _within(self._patience.watch, self._returned[1]):
            loop.give_up_threads(math.inf)  # those of the next clients are waited for
            return True
        if isinstance(loop, VirtualEventLoop) and loop.gave_up_threads is not None:
            self.watched = loop.gave_up_threads - began
        return False

    async def _visit_as(self, number: int, *, quietly: bool = False) -> bool:
        """Whether connection ``number`` did what the first client did, and its handler has returned.

        ``quietly``: it has the conversation, and leaves with a close frame when nothing is going on.
        """
        self._begin_visit(number, quietly=quietly)
        await self._visits.begin(number)
        return await self._comes(number, quietly=quietly)

    async def _visit_apart(self, guise: Case) -> int:
        """The number of a connection whose client does what the first one did, as ``guise`` says.

        0 if it was not served as the first one was. Its events are deleted, because only the things that
        it leaves behind matter.
        """
        number = self._connections + 1
        if self._others_since is None:
            self._others_since, self._alike = len(self._recorder.events), self._connections
        self._begin_visit(number)
        self._guise = guise
        try:
            if not await self._comes(number):
                return 0
        finally:
            self._guise = self._case
        await self._visits.settle(number)
        return number if self._manner(number) == self._manner(1) else 0

    def _ways(self) -> tuple[Disguise, ...]:
        """The ways in which other clients can differ from the first one."""
        if self._case.accompanied:
            return ()
        return ways(self._case, self._recorder.sources(), self._handler)

    def _refused(self, number: int) -> bool:
        """Whether connection ``number`` was refused, and the first one was not."""
        accepted = {
            item.connection for item in self._recorder.events if isinstance(item, HandshakeAccepted)
        }
        return 1 in accepted and number not in accepted

    def _manner(self, number: int) -> tuple[object, ...]:
        """How connection ``number`` was served: what it was answered, and how its handler ended."""
        own = [item for item in self._recorder.events if getattr(item, "connection", 0) == number]
        return (
            any(isinstance(item, HandshakeAccepted) for item in own),
            frozenset((item.message, item.code) for item in own if isinstance(item, SendCalled)),
            [
                item.exception and item.exception.type
                for item in own
                if isinstance(item, AppReturned)
            ],
            [item.act for item in own if isinstance(item, ClientActed) and item.disconnects],
        )

    async def _comes(self, number: int, *, quietly: bool = False) -> bool:
        """Whether the client of connection ``number`` has come and left, and its handler has returned."""
        patience = self._patience
        if is_poll(self._case.at) and not quietly and isinstance(self._loop, VirtualEventLoop):
            self._loop.unwatch()
            self._loop.watch(CONNECTION, self._before_poll)
        try:
            if quietly:
                await self._live_quietly()
            else:
                await self._live_and_leave()
            return await _within(patience.watch, self._returned[number])
        except OSError:
            return False
        finally:
            if self._client is not None:
                self._client.abandon()

    def _note_order(self) -> None:
        if self._visit == 1 and isinstance(self._loop, VirtualEventLoop):
            self.together = self._loop.together > 0

    def _end_observation(self) -> None:
        # Objects without a reference are finalized now, so that the recording has their complaints.
        gc.collect()
        recorder = self._recorder
        recorder.add(ObservationEnded(**recorder.here()))
        self._observed = True
        self._note_order()
        if isinstance(self._loop, VirtualEventLoop):
            self.used_wall_time = self._loop.used_wall_time
            self._note_outside(self._loop)

    def _note_outside(self, loop: VirtualEventLoop) -> None:
        loop.outside_is_over()
        ago = loop.time() - self._recorder.now()  # the session's clock began later
        self.asked = tuple(
            Asked(
                peer=answer.peer,
                asked=answer.asked - ago,
                until=answer.until - ago,
                overtaken=None if answer.overtaken is None else answer.overtaken - ago,
            )
            for answer in loop.answers
        )
        self.waited, self.streamed = loop.waited, loop.streamed
        self.by_date = loop.by_date

    async def _take_down(self) -> None:
        if self._case.act in STALLING_KINDS:
            # With the client still there: servers have been seen to fail at that.
            self._server.request_exit()
            await self._server.stopped(_TURN)
        for client in self._clients:
            client.abandon()
        self._server.request_exit()
        for number in self._numbers():
            for task in self._tasks.alive(number):
                task.cancel()
        self._resources.make_plentiful()
        await self._resources.end_children()
        await self._server.stopped(self._patience.stop)

    def _numbers(self) -> range:
        """The connections that there have been."""
        return range(1, self._visit + 1)


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True

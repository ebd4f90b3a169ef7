"""A session with two clients: one leaves, and the case is about what the other one gets.

At a named moment the client that leaves came first; in a sweep the bystander did, so that it is there
at every moment of the other's life. The bystander does what the script says, and then repeats the last
message of the script every second: where clients must speak for anything to be said, it speaks.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import MutableMapping
from typing import Any, Literal

from msgspec.structs import replace

from wsdoctor.plan.kinds import SERVER_KINDS, STALLING_KINDS
from wsdoctor.plan.moments import EVERY, is_poll
from wsdoctor.recording.case import BESIDE, RECONNECT, STAY, Case, SendStep
from wsdoctor.recording.events import (
    AppReturned,
    ClientEnded,
    ContainersHeld,
    FrameReceived,
    Growth,
    ObservationEnded,
    StacksSampled,
)
from wsdoctor.recording.recording import Control, Recording
from wsdoctor.session.client import Client, ScriptError
from wsdoctor.session.containers import ContainerObserver
from wsdoctor.session.recorder import MOST_EVENTS, Recorder
from wsdoctor.session.removals import RemovalObserver
from wsdoctor.session.session import Session
from wsdoctor.session.tap import ASGIApp
from wsdoctor.session.timeouts import Timeouts
from wsdoctor.sim.engine import EventLoop

LEAVER, BYSTANDER = 1, 2

WATCH = 45.0
"""Seconds for which a bystander is watched at most: two messages of a stream with twenty seconds between
them, and longer than a ping may go unanswered (uvicorn: 40 s)."""

_ENOUGH = 20
_AT_LEAST = 3.0
"""Messages, and seconds, after which the watch of a bystander ends: it needs both."""

_STARVED = 10.0
"""Seconds without a message after which it is looked at where everybody waits."""

_LOOK_EVERY = 0.5
_SPEAK_EVERY = 1.0

_SERVED, _WARM = 2, 2.5
"""Messages that a bystander gets before the other client leaves, and the seconds that it waits for each."""

_FILLED = 0.1
"""Seconds after which the answers to a client's pings have filled what is between it and the server."""

_MOST = MOST_EVENTS // 2
"""Events after which the watch ends: they show enough of the application."""


class BystanderSession(Session):
    """A session with a bystander. In a control (the act STAY) no client leaves."""

    _arriving = 0
    _server_keeps = None
    _other: Client | None = None

    def __init__(
        self,
        case: Case,
        app: ASGIApp,
        recorder: Recorder,
        loop: EventLoop,
        patience: Timeouts,
        **more: Any,
    ) -> None:
        super().__init__(case, app, recorder, loop, patience, **more)
        self._transports: dict[int, asyncio.Transport] = {}
        self._held = ContainerObserver(recorder, self._tap)
        self._removals = RemovalObserver(recorder, self._held, LEAVER)

    def _connection_of(self, scope: MutableMapping[str, Any]) -> int:
        for known in (scope, scope.get("headers")):
            self._scopes[id(known)] = self._arriving
        return self._arriving

    async def _converse(self, port: int) -> None:
        self._port = port
        patience = self._patience.script
        speaking: asyncio.Task[None] | None = None
        self._held.measure()
        if self._case.act != STAY:
            self._removals.begin()
        try:
            if self._swept:
                speaking = await self._bring_bystander()
                self._note(LEAVER, "alone", self._held.gains())
                self._arriving = LEAVER
                if self._driver is None:
                    await self._open()
                await self._live()
            else:
                leaver = await self._arrive(LEAVER)
                await leaver.perform(self._case.script, patience)
                self._note(LEAVER, "alone", self._held.gains())
                speaking = await self._bring_bystander()
                await self._warm_up()
                await self._reach_moment(leaver)
        except ScriptError as error:
            self._script_stopped(error)
        except OSError as error:
            self._script_stopped(ScriptError(str(error)))
        try:
            if not self._swept:
                await self._end_stall()
            await self._watch()
        finally:
            if speaking is not None:
                speaking.cancel()

    async def _arrive(self, number: int) -> Client:
        """Client ``number``, connected. Raises ScriptError if it is refused, or not answered."""
        self._arriving = number
        if self._driver is None:
            await self._open()
        client = await self._opened()
        if client is None:
            msg = f"the handshake of {'the bystander' if number == BYSTANDER else 'the client'}"
            raise ScriptError(msg)
        return client

    async def _bring_bystander(self) -> asyncio.Task[None]:
        leaver, self._client, self._visit = self._client, None, BYSTANDER
        try:
            self._other = other = await self._arrive(BYSTANDER)
        finally:
            self._client, self._visit = leaver, LEAVER
        await other.perform(self._case.script, self._patience.script)
        return asyncio.get_running_loop().create_task(self._speak(other))

    async def _warm_up(self) -> None:
        """Let whatever serves both clients do so, if it does before long."""
        assert self._other is not None
        with contextlib.suppress(ScriptError):
            await self._other.receive(_SERVED, _WARM)

    async def _speak(self, client: Client) -> None:
        said = [step for step in self._case.script if isinstance(step, SendStep)]
        last = said[-1] if said else client.sent if self._driver is not None else None
        with contextlib.suppress(ScriptError):
            while last is not None:
                await asyncio.sleep(_SPEAK_EVERY)
                client.send(last)

    async def _live(self) -> None:
        if self._case.act == STAY:
            await self._conversation()
        else:
            await super()._live()

    def _disconnect(self) -> None:
        if self._case.act == STAY:
            self._armed = False
            self._acted.set()
            return
        first = not self._acted.is_set()
        if first and self._held.gains():
            self._removals.arm()
        super()._disconnect()
        if first and self._case.act in STALLING_KINDS and self._client is not None:
            self._client.fill()
            self._loop.call_later(_FILLED, self._keep_no_more)

    def _app_returned(self, number: int) -> None:
        super()._app_returned(number)
        if number == LEAVER and self._case.kind != RECONNECT:
            self._loop.call_later(self._patience.grace, self._removals.end)

    def _made(self, transport: asyncio.Transport) -> None:
        super()._made(transport)
        self._transports[self._arriving] = transport

    def _keep_no_more(self) -> None:
        """Make every later send to the client wait, because its buffers are full.

        This must not happen earlier: some servers fail (AssertionError) if two of their tasks wait for
        room on one connection, and the task that answers pings would be the first.
        """
        transport = self._transports.get(LEAVER)
        if transport is not None and not transport.is_closing():
            transport.set_write_buffer_limits(high=0)

    async def _watch(self) -> None:
        """Watch the bystander, until it is over, or has got enough, or for WATCH seconds."""
        other = self._other
        if other is None:
            return
        if self._case.act not in SERVER_KINDS:
            self._server.doze()
        loop, recorder = self._loop, self._recorder
        began, before = loop.time(), other.messages
        had, since, looked = before, began, False
        limit = min(WATCH, self._patience.watch)
        latest = time.monotonic() + self._patience.real
        while not other.over and loop.time() - began < limit and len(recorder.events) < _MOST:
            await asyncio.sleep(_LOOK_EVERY)
            if other.messages != had:
                had, since, looked = other.messages, loop.time(), False
            elif loop.time() - since >= _STARVED and not looked:
                looked = True
                self._look_at_all()
            enough = had - before >= _ENOUGH and loop.time() - began >= _AT_LEAST
            if enough and not self._stalled():
                break
            if time.monotonic() > latest:
                break
        if other.over:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience.grace):
                    await self._returned[BYSTANDER].wait()
        self._note(BYSTANDER, "end", self._held.gains())
        if is_poll(self._case.at) and not self._acted.is_set():
            self._script_stopped(ScriptError(f"the moment {self._case.moment}"))

    def _stalled(self) -> bool:
        """Whether a send to the client that resets its connection still has to fail."""
        return self._case.act == "stall-abort" and self._tap.sending[LEAVER] > 0

    def _look_at_all(self) -> None:
        recorder = self._recorder
        stacks = (
            stack for number in (0, LEAVER, BYSTANDER) for stack in self._tasks.stacks(number)
        )
        recorder.add(
            StacksSampled(
                **recorder.here(),
                connection=0,
                reason="starved",
                stacks=tuple(stacks),
            )
        )

    def _note(
        self,
        number: int,
        when: Literal["alone", "came", "cleaned", "end"],
        held: tuple[Growth, ...],
    ) -> None:
        recorder = self._recorder
        recorder.add(
            ContainersHeld(
                **recorder.here(),
                connection=number,
                when=when,
                held=held,
            )
        )

    def _end_observation(self) -> None:
        self._removals.end()
        super()._end_observation()

    async def _take_down(self) -> None:
        self._visit = BYSTANDER  # the last one whose tasks are to end
        await super()._take_down()


def control_case(case: Case) -> Case:
    """The case of the control of ``case``: one for all kinds of disconnect, and moments of a sweep."""
    moment = case.met(EVERY) if is_poll(case.at) else case.moment
    return replace(case, kind=f"{STAY}{BESIDE}", moment=moment)


def control_of(control: Recording) -> Control:
    """What the bystander got, from the Recording of a control."""
    received: list[float] = []
    closed: float | None = None
    until = 0.0
    for event in control.events:
        until = event.time
        if isinstance(event, ObservationEnded):
            break
        if getattr(event, "connection", 0) != BYSTANDER:
            continue
        if isinstance(event, FrameReceived) and event.opcode in {"text", "binary", "cont"}:
            received.append(event.time)
        ends = isinstance(event, AppReturned | ClientEnded) or (
            isinstance(event, FrameReceived) and event.opcode == "close"
        )
        if ends and closed is None:
            closed = event.time
    return Control(received=tuple(received), until=until, closed=closed)

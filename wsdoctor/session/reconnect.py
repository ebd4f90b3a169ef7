"""A session in which the same client comes back before its old connection is known to be dead.

The old one is there alone for a while: what it gets, and what the containers hold for it, is what the
new one must get and have, too. Then no packet of it comes any more. The new one comes at once, or at one
of the moments of the old one's clean-up; a named moment of another kind is when the old one vanishes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from wsdoctor.diagnosis.silenced import silenced, times_of
from wsdoctor.plan.moments import EVERY, QUIET, is_poll
from wsdoctor.private.asyncio import next_timer
from wsdoctor.recording.case import Case
from wsdoctor.recording.events import AppReturned, CleanUpRan, ClientActed, Growth, Holder
from wsdoctor.recording.recording import MomentPassed
from wsdoctor.session.bystander import BYSTANDER, LEAVER, BystanderSession
from wsdoctor.session.client import Client, ScriptError
from wsdoctor.session.recorder import CONNECTION, MOST_EVENTS, Recorder
from wsdoctor.session.tap import ASGIApp
from wsdoctor.session.timeouts import Timeouts
from wsdoctor.sim.engine import EventLoop, VirtualEventLoop

OLD, NEW, AGAIN = LEAVER, BYSTANDER, 3
"""The connections: AGAIN is made if the new one was let go, or gets nothing."""

ALONE = 3
"""Seconds for which the old one is there alone, with a look at the containers in each."""

AFTER = 6.0
"""Seconds for which the new one is watched once the old one's handler has returned."""

SETTLED = 1.0
"""Seconds after its handler's return in which what else the old one started cleans up."""

LATEST = 60.0
"""Seconds after its handler's return in which a timer that the old one has set may fire, too."""

LATER = 60.0
"""Seconds after which one that was let go comes again: longer than a pause that an application asks for."""

_LOOK_EVERY = 0.5
_MOST = MOST_EVENTS // 2


class ReconnectSession(BystanderSession):
    """The course of such a session."""

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
        self._known = False
        self._come = asyncio.Event()
        self._steady = False
        self._had = 0
        self._age = 0.0
        self._visits_made = OLD

    async def _converse(self, port: int) -> None:
        self._port = port
        self._held.measure()
        self._removals.begin()
        try:
            old = await self._arrive(OLD)
            await old.perform(self._case.script, self._patience.script)
            alone = await self._alone(old)
            await self._vanish(old)
        except (ScriptError, OSError) as error:
            self._script_stopped(ScriptError(str(error)))
            return
        if old.over:
            return  # the old connection has ended, so there is nothing to come back for
        self._server.doze()
        if self._case.at == EVERY:
            self.moments.append(MomentPassed(QUIET, ()))
            await self._old_ends()
            return
        if is_poll(self._case.at) and not await self._may_come():
            self._script_stopped(ScriptError(f"the moment {self._case.moment}"))
            return
        if (alone or self._steady) and not self._returned[OLD].is_set():
            self._removals.arm()
        await self._come_back()

    async def _alone(self, old: Client) -> bool:
        """Look at what the containers hold for a client that had no predecessor: whether that is anything."""
        least: dict[Holder, int] | None = None
        before = old.messages
        for _ in range(ALONE if self._swept or self._case.at == QUIET else 1):
            if self._swept or self._case.at == QUIET:
                await asyncio.sleep(1)
            now = self._held.grown(1)
            least = (
                now
                if least is None
                else {n: min(by, now[n]) for n, by in least.items() if n in now}
            )
            if old.over:
                break
        self._steady = old.messages - before >= ALONE - 1
        held = tuple(Growth(name, by) for name, by in (least or {}).items())
        self._note(OLD, "alone", held)
        return bool(held)

    async def _vanish(self, old: Client) -> None:
        if self._swept or self._case.at == QUIET:
            self._disconnect()
        else:
            await self._reach_moment(old)

    def _disconnect(self) -> None:
        if self._acted.is_set():
            return
        self._armed = False
        self._acted.set()
        self._loop.connection_ends()
        self.opened = self._client is not None and self._client.answered
        if self._client is not None:
            self._client.disconnect("vanish", ())

    # --- the moments of the old one's clean-up

    def _end_known(self, number: int) -> None:
        self._loop.connection_ends()
        self._known = self._known or (number == OLD and self._acted.is_set())
        self._removals.ends = self._known

    def _before_poll(self) -> bool:
        if self._observed or not self._known:
            return False
        assert isinstance(self._loop, VirtualEventLoop)
        name = self._names.poll(self._recorder.events, ran=self._loop.ran())
        if not name or self._come.is_set():
            return False
        if self._chosen in {EVERY, name}:
            self.moments.append(MomentPassed(name, (), False, *self._state(OLD)))
        if name != self._chosen and not name.startswith("return"):
            return False
        self._come.set()
        return True

    async def _may_come(self) -> bool:
        """Whether the moment comes; the last one is when the handler has returned."""
        try:
            async with asyncio.timeout(self._patience.watch):
                await self._come.wait()
        except TimeoutError:
            return False
        return bool(self.moments)

    async def _old_ends(self) -> None:
        try:
            async with asyncio.timeout(self._patience.watch):
                await self._returned[OLD].wait()
                await self._come.wait()
        except TimeoutError:
            return

    # --- the new connection

    async def _come_back(self) -> None:
        """Let the client come back; once more if the new connection was let go, or gets nothing."""
        for number in (NEW, AGAIN):
            late = self._returned[OLD].is_set()
            came = self._loop.time()
            self._note(number, "came", self._held.gains())
            new = await self._arrives(number)
            stays = new is not None and await self._watch_new(new, number)
            self._note(number, "end", self._held.gains())
            if stays and number == NEW and self._is_starved(new):
                # Does a connection without a predecessor get messages after the same time?
                self._age = self._loop.time() - came
            elif stays or not (late or self._failed_after_the_old_one()):
                return
            elif number == NEW:
                self._age = self._loop.time() - came
                await asyncio.sleep(LATER)

    def _failed_after_the_old_one(self) -> bool:
        """Whether the handler of the new one has raised something, and that of the old one had returned."""
        events = self._recorder.events
        ended = (e for e in events if isinstance(e, AppReturned) and e.connection == NEW)
        return self._returned[OLD].is_set() and any(e.exception is not None for e in ended)

    def _is_starved(self, new: Client | None) -> bool:
        """Whether it gets nothing since the old one was cleaned up, or not all that the old one got."""
        if not self._steady or new is None:
            return False
        return new.messages == self._had or self._misses_some()

    def _misses_some(self) -> bool:
        """Whether messages of some kind have stopped with the clean-up of the old one."""
        events = self._recorder.events
        gone = (e.time for e in events if isinstance(e, ClientActed) and e.disconnects)
        ended = (e.time for e in events if isinstance(e, AppReturned) and e.connection == OLD)
        vanished, returned = next(gone, None), next(ended, None)
        if vanished is None or returned is None:
            return False
        old, new = times_of(events, OLD), times_of(events, NEW)
        return bool(silenced(old, new, vanished=vanished, returned=returned))

    async def _arrives(self, number: int) -> Client | None:
        """Client ``number`` with its script performed, as far as it goes; None if it was not let in."""
        old, self._client, self._visit = self._client, None, number
        self._visits_made = number
        new: Client | None = None
        try:
            new = await self._arrive(number)
            await new.perform(self._case.script, self._patience.script)
        except (ScriptError, OSError):
            pass  # the events tell
        finally:
            self._client, self._visit = old, OLD
        return new

    async def _watch_new(self, new: Client, number: int) -> bool:
        """Watch it until the old one has been cleaned up, and then for a while: whether it stays.

        It is quiet until then, for an application may let go who says the same twice.
        """
        loop, began = self._loop, self._loop.time()
        latest = time.monotonic() + self._patience.real
        ended: float | None = None
        cleaned: float | None = None
        speaking: asyncio.Task[None] | None = None
        while not new.over and not self._returned[number].is_set():
            now = loop.time()
            if ended is None and self._returned[OLD].is_set():
                ended, self._had = now, new.messages
            if ended is not None and speaking is None and now - ended >= SETTLED:
                speaking = loop.create_task(self._speak(new))
            if ended is not None and cleaned is None and self._is_cleaned(now - ended):
                self._note_clean_up(number)
                cleaned = now
            if (
                cleaned is not None
                and now - cleaned >= AFTER - SETTLED
                and now - began >= self._age
            ):
                break
            if now - began >= self._patience.watch or time.monotonic() > latest:
                break
            if len(self._recorder.events) > _MOST:
                break
            await asyncio.sleep(_LOOK_EVERY)
        if speaking is not None:
            speaking.cancel()
        return not new.over and not self._returned[number].is_set()

    def _is_cleaned(self, since: float) -> bool:
        """Whether nothing of the old one's is to come, ``since`` seconds after its handler's return."""
        if since < SETTLED:
            return False
        due = next_timer(self._loop, CONNECTION, OLD)
        return due is None or due > self._loop.time() - since + LATEST

    def _note_clean_up(self, number: int) -> None:
        self._note(number, "cleaned", self._held.gains())
        recorder = self._recorder
        if number == NEW and (lines := self._removals.ran()):
            recorder.add(CleanUpRan(**recorder.here(), connection=OLD, lines=lines))
        self._removals.end()

    async def _take_down(self) -> None:
        for client in self._clients:
            client.abandon()
        for number in (OLD, NEW, AGAIN):
            # They leave as clients do: what is cancelled instead may not tidy up.
            if self._visits_made >= number and not self._returned[number].is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._patience.grace):
                        await self._returned[number].wait()
        await super()._take_down()

"""The clients that come after the first one: does each leave something behind, or did only that one?

They do what the first one did, with the same path, query and messages. If the next one takes the
place of the one before it, there are others that differ in these, for so do an application's users.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from wsdoctor.diagnosis.bounds import PRUNED
from wsdoctor.recording.case import Case
from wsdoctor.recording.events import Holder
from wsdoctor.session.connections import ConnectionObserver
from wsdoctor.session.containers import ContainerObserver, Measured, Sizes
from wsdoctor.session.locks import LockObserver
from wsdoctor.session.others import Disguise
from wsdoctor.session.probes import ProbeReader
from wsdoctor.session.resources import ResourceObserver
from wsdoctor.session.tasks import TaskObserver
from wsdoctor.session.thread_observer import ThreadObserver
from wsdoctor.session.timeouts import Timeouts
from wsdoctor.session.timers import TimerObserver
from wsdoctor.sim.engine import Clock, EventLoop, VirtualEventLoop

_VISITS: dict[Clock, int] = {"virtual": 12, "wall": 3}
"""Connections that are made while all before them are still held. A list of the last ten is no leak."""

_SECOND = 2
"""The visit that tells what each connection leaves behind from what the first one started."""

_PROBED = 3
"""Connections after each of which a probe is off, or something more is open: some things are there
twice before they stay."""

_DUE = 10
"""Turns of the loop for what is due when the grace time ends: it is as long as many an application's pause."""

_FIRST_LOOK = 1.0
"""Seconds after which a container that has grown is looked at again; each time it is four times as long."""

_REPEATED = 4
"""Connections with which a container grows that does not with a quiet one: it is no list of the last few."""


@dataclass(frozen=True, slots=True)
class Others:
    """Clients that differ from the first one.

    ``come`` makes a connection as a case says: its number, 0 if its client was not served as the first
    one was.
    """

    ways: Callable[[], Sequence[Disguise]]
    come: Callable[[Case], Awaitable[int]]


class Repeats:
    """What connection 1 has left behind that does not go away, and whether the next ones do the same.

    Connection 2 is a second visit, made only if the first left such a thing: does every visit leave one,
    or was it the first? If the connections themselves are still referenced there are more visits, for
    what is held may be the last few; and so there are if nothing stays, but containers of the user's
    have grown. ``sample`` records where the tasks are that a connection has left.
    """

    def __init__(
        self,
        loop: EventLoop,
        patience: Timeouts,
        *,
        tasks: TaskObserver,
        kept: ConnectionObserver,
        probes: ProbeReader,
        locks: LockObserver,
        threads: ThreadObserver,
        timers: TimerObserver,
        resources: ResourceObserver,
        containers: ContainerObserver,
        sample: Callable[[int], None],
    ) -> None:
        self._loop = loop
        self._patience = patience
        self._tasks = tasks
        self._kept = kept
        self._probes = probes
        self._locks = locks
        self._threads = threads
        self._timers = timers
        self._resources = resources
        self._containers = containers
        self._grown: frozenset[Holder] = frozenset()
        self._stayed = False
        self._sample = sample

    async def begin(self, number: int) -> None:
        """Before connection ``number`` is made."""
        await self._probes.read_before(number)
        if number == 1:
            self._containers.measure()

    def is_at_work(self, connections: Iterable[int]) -> bool:
        """Whether a task or a thread of one of ``connections`` is still there."""
        return any(
            self._tasks.alive(number) or self._threads.is_at_work(number) for number in connections
        )

    def held(self) -> Sizes:
        """How much the user's containers hold."""
        return self._containers.sizes()

    async def settle(self, number: int) -> None:
        """When the handler of connection ``number`` has returned: what is its own has time to end."""
        if await self._threads.settle(number) and isinstance(self._loop, VirtualEventLoop):
            self._loop.give_up_lent()
        await self._resources.settle(number)
        await asyncio.sleep(self._patience.grace)
        for _ in range(_DUE):
            await asyncio.sleep(0)

    async def give_up(self) -> None:
        """The handler of connection 1 does not return: from now on no thread of its own keeps the clock."""
        if self._threads.report(1):
            await self.settle(1)

    async def stay(self) -> bool:
        """Whether something of connection 1 is still there after all the time that it may take."""
        watched = self._loop.time() + self._patience.watch
        self._resources.first_look(1, self._loop)
        self._timers.first_look(1)
        if self._tasks.alive(1) or self._kept.held(1):
            # Objects without a reference do not stay: in production the collector runs by itself.
            gc.collect()
        if self._tasks.alive(1):
            self._sample(1)
            await self._tasks_ended(self._patience.watch)
        self._stayed = held = await self._kept.stays(1, watched)
        off = await self._probes.stays_off(1, watched)
        locked = await self._locks.stays(1, watched, self._loop.time)
        opened = await self._resources.stays(1, watched, self._loop)
        threads = self._threads.report(1)
        ticking = await self._timers.stay(1, watched)
        return any((held, off, locked, opened, threads, ticking, self._tasks.alive(1)))

    async def grew(self) -> bool:
        """Whether containers hold more than before connection 1, after all the time that they may take.

        Call it only if nothing else of the connection stays, because that would fill them. On the wall
        clock it does not wait: with a history, which is no defect, every case would cost minutes.
        """
        if self._loop.clock == "wall":
            return False
        self._grown = await self._stays_grown(1, self._patience.watch)
        return bool(self._grown)

    async def go_on(
        self, visit: Callable[[int], Awaitable[bool]], others: Others, *, quiet: bool
    ) -> None:
        """More clients, one after the other, until it is known whether each leaves something behind.

        ``visit`` makes connection N, and tells whether its handler has returned. If what held the first
        connection holds another one instead, or the first one has left a task and the next one none,
        ``others`` come.
        """
        await self._go_on(visit)
        if self._tasks.alive(1):
            if self._loop.clock == "virtual" and not self._tasks.alive(_SECOND):
                await self._start_apart(others, quiet=quiet)
        elif self._stayed and not self._kept.held(1):
            await self._keep_apart(others)

    async def _go_on(self, visit: Callable[[int], Awaitable[bool]]) -> None:
        kept = True
        opened = self._resources.places(1)
        for number in range(2, _VISITS[self._loop.clock] + 1):
            returned = await visit(number)
            if returned:
                await self._look_after(number)
            if number == _SECOND:
                self._locks.report(1)  # above all if the visitor is still waiting for one
                self._resources.report(1)  # …
            if number > _SECOND and opened:
                self._resources.report(_SECOND, self._loop)  # is that still open, too?
            if returned:
                opened &= self._resources.report(number)
            if not returned:
                return
            kept = kept and self._kept.all_held()
            if number == _SECOND:
                self._go_on_alone()
                # What a task of the second one's holds is held by that: the task is the cause.
                kept = kept and not self._tasks.alive(2) and self._kept.find_holders()
            if not kept and not ((self._probes.off or opened) and number < _PROBED):
                return
        if kept:
            self._kept.report()

    def _go_on_alone(self) -> None:
        """Report what goes on of the first two connections, both of which are over."""
        for number in (1, _SECOND):
            self._threads.report(number)
            self._timers.report(number)

    async def _start_apart(self, others: Others, *, quiet: bool) -> None:
        """Other clients, until it is known whether each leaves a task like one of the first client's.

        A task that no line of the user's cancels is none of a certain moment: it is looked at where the
        first client left ``quiet``ly.
        """
        left = {
            task: birth
            for task, birth in self._tasks.births(1).items()
            if quiet or self._tasks.is_cancelled_somewhere(birth)
        }
        for way in others.ways() if left else ():
            numbers: list[int] = []
            while len(numbers) < _REPEATED:
                number = await others.come(way.case(len(numbers) + 1))
                if not number or not set(left.values()) & set(self._tasks.births(number).values()):
                    break
                numbers.append(number)
            else:
                await asyncio.sleep(PRUNED)
                of_each = [set(self._tasks.births(number).values()) for number in numbers]
                alike = set(self._tasks.births(1).values()).intersection(*of_each)
                if tasks := [task for task, birth in left.items() if birth in alike]:
                    self._tasks.report_apart(tasks, len(numbers), way.what)
                    return

    async def _keep_apart(self, others: Others) -> None:
        """Other clients, until it is known whether the connection of each is still referenced."""
        last = self._kept.latest
        if not self._kept.are_held([last]):
            return
        virtual = self._loop.clock == "virtual"
        for way in others.ways():
            kept = [last]
            while len(kept) < _VISITS[self._loop.clock]:
                number = await others.come(way.case(len(kept)))
                if not number or not self._kept.held(number):
                    break
                kept.append(number)
                if not self._kept.are_held(kept):
                    break
            else:
                await asyncio.sleep(PRUNED if virtual else 0)
                if self._kept.are_held(kept):
                    self._kept.report_apart(kept, way.what)
                    return
            last = kept[-1]

    async def grow(
        self,
        visit: Callable[[int], Awaitable[bool]],
        visit_quietly: Callable[[int], Awaitable[bool]],
        refused: Callable[[int], bool],
        others: Others,
        *,
        quiet: bool,
    ) -> None:
        """Let more clients come, until it is known whether the containers grow with each of them.

        ``others`` come if equal clients leave nothing more, and something should be taken out.
        ``visit_quietly`` makes connection N, and leaves with a close frame when nothing is going on. A
        container that does not grow with that client is emptied elsewhere, and ought to be here. One that
        grows with it, too, counts only if the first client left as quietly: ``quiet``.
        ``refused`` says whether connection N was refused although the first one was not.
        """
        first = self._grown
        measured = self._containers.measure()
        if not await visit_quietly(_SECOND):
            return
        await self.settle(_SECOND)
        if refused(_SECOND):
            await self._locked_out(visit, refused, first, _SECOND, measured, comes_back=False)
            return
        always = await self._stays_grown(1, self._patience.watch)
        found: frozenset[Holder] | None = frozenset()
        if grown := first & always if quiet else first - always:
            found = await self._grow_alike(visit, refused, grown, measured, quiet=quiet)
        if found is not None and (owed := self._containers.owed(first - always - found)):
            await self._grow_apart(others, owed)

    async def _locked_out(
        self,
        visit: Callable[[int], Awaitable[bool]],
        refused: Callable[[int], bool],
        names: frozenset[Holder],
        number: int,
        measured: Measured,
        *,
        comes_back: bool,
    ) -> None:
        """Report what of ``names`` has grown since it was ``measured``, if no client is let in any more.

        Connection ``number`` was refused. A pause between two clients, which an application may ask
        for, is over when the next one comes.
        """
        self._containers.compare_with(measured)
        await asyncio.sleep(PRUNED)
        if not await visit(number + 1) or not refused(number + 1):
            return
        if grown := names & self._containers.grown(1).keys():
            self._report(grown, number - 1, comes_back=comes_back, refused=True)

    def _report(self, names: frozenset[Holder], clients: int, **how: Any) -> None:
        self._containers.report(names, clients, scheduled=self._timers.pending(), **how)

    async def _grow_alike(
        self,
        visit: Callable[[int], Awaitable[bool]],
        refused: Callable[[int], bool],
        grown: frozenset[Holder],
        measured: Measured,
        *,
        quiet: bool,
    ) -> frozenset[Holder] | None:
        """What of ``grown`` grows with each of some more clients, reported; None if they do not do what the first one did."""
        self._containers.measure()
        last = _VISITS["virtual"] if quiet else _SECOND + _REPEATED
        for number in range(_SECOND + 1, last + 1):
            if number == last:
                self._containers.watch(grown, number)
            try:
                if not await visit(number):
                    return None
                await self.settle(number)
            finally:
                self._containers.watched()
            if refused(number):
                await self._locked_out(
                    visit, refused, grown, number, measured, comes_back=not quiet
                )
                return None
        visits = last - _SECOND
        if grown := grown & await self._stays_grown(visits, PRUNED):
            self._report(grown, visits, comes_back=not quiet)
        return grown

    async def _grow_apart(self, others: Others, names: frozenset[Holder]) -> None:
        """Other clients, until it is known whether what is called ``names`` grows with each of them."""
        for way in others.ways():
            self._containers.measure()
            for number in range(1, _REPEATED + 1):
                if not await others.come(way.case(number)):
                    break
                if not names & self._containers.grown(number).keys():
                    break
            else:
                if grown := names & await self._stays_grown(_REPEATED, PRUNED):
                    self._report(grown, _REPEATED, comes_back=False, apart=way.what)
                    return

    async def _stays_grown(self, by: int, seconds: float) -> frozenset[Holder]:
        """Containers that hold ``by`` elements more for ``seconds``, and do not grow without a client."""
        first = grown = self._containers.grown(by)
        until = self._loop.time() + seconds
        pause = _FIRST_LOOK
        while grown and (left := until - self._loop.time()) > 0:
            await asyncio.sleep(min(pause, left))
            pause *= 4
            now = self._containers.grown(by)
            grown = {name: now[name] for name in grown if name in now and now[name] <= first[name]}
        return frozenset(grown)

    async def _look_after(self, number: int) -> None:
        await self.settle(number)
        if self._tasks.alive(1):
            self._sample(number)
        await self._probes.stays_off(number, self._loop.time() + self._patience.watch)

    async def _tasks_ended(self, seconds: float) -> None:
        alive = self._tasks.alive(1)
        if alive:
            await asyncio.wait(alive, timeout=seconds)
            del alive

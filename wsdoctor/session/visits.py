"""The clients that come after the first one: does each leave something behind, or did only that one?"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

from wsdoctor.session.connections import ConnectionObserver
from wsdoctor.session.left_threads import ThreadObserver
from wsdoctor.session.locks import LockObserver
from wsdoctor.session.patience import Patience
from wsdoctor.session.probes import ProbeReader
from wsdoctor.session.tasks import TaskObserver
from wsdoctor.sim.engine import Clock, EventLoop, VirtualEventLoop

_VISITS: dict[Clock, int] = {"virtual": 12, "wall": 3}
"""Connections that are made while all before them are still held. A list of the last ten is no leak."""

_SECOND = 2
"""The visit that tells what each connection leaves behind from what the first one started."""

_PROBED = 3
"""Connections after each of which a probe is off: some things are there twice before they stay."""


class Visits:
    """What connection 1 has left behind that does not go away, and whether the next ones do the same.

    Connection 2 is a second visit, made only if the first left such a thing: does every visit leave one,
    or was it the first? If the connections themselves are still referenced there are more visits, for
    what is held may be the last few. ``sample`` records where the tasks are that a connection has left.
    """

    def __init__(
        self,
        loop: EventLoop,
        patience: Patience,
        *,
        tasks: TaskObserver,
        kept: ConnectionObserver,
        probes: ProbeReader,
        locks: LockObserver,
        threads: ThreadObserver,
        sample: Callable[[int], None],
    ) -> None:
        self._loop = loop
        self._patience = patience
        self._tasks = tasks
        self._kept = kept
        self._probes = probes
        self._locks = locks
        self._threads = threads
        self._sample = sample

    async def begin(self, number: int) -> None:
        """Before connection ``number`` is made."""
        await self._probes.read_before(number)

    async def settle(self, number: int) -> None:
        """When the handler of connection ``number`` has returned: what is its own has time to end."""
        if await self._threads.settle(number) and isinstance(self._loop, VirtualEventLoop):
            self._loop.give_up_lent()
        await asyncio.sleep(self._patience.grace)

    async def stay(self) -> bool:
        """Whether something of connection 1 is still there after all the time that it may take."""
        watched = self._loop.time() + self._patience.watch
        if self._tasks.alive(1) or self._kept.held(1):
            # What nobody holds does not stay: elsewhere the collector comes by itself.
            gc.collect()
        if self._tasks.alive(1):
            self._sample(1)
            await self._tasks_ended(self._patience.watch)
        held = await self._kept.stays(1, watched)
        off = await self._probes.stays_off(1, watched)
        locked = await self._locks.stays(1, watched, self._loop.time)
        threads = self._threads.report(1)
        return held or off or locked or threads or bool(self._tasks.alive(1))

    async def go_on(self, visit: Callable[[int], Awaitable[bool]]) -> None:
        """More clients, one after the other, until it is known whether each leaves something behind.

        ``visit`` makes connection N, and tells whether its handler has returned.
        """
        kept = True
        for number in range(2, _VISITS[self._loop.clock] + 1):
            returned = await visit(number)
            if returned:
                await self._look_after(number)
            if number == _SECOND:
                self._locks.report(1)  # above all if the visitor is still waiting for one
            if not returned:
                return
            kept = kept and self._kept.all_held()
            if number == _SECOND:
                self._threads.report(1)
                self._threads.report(2)
                # What a task of the second one's holds is held by that: the task is the cause.
                kept = kept and not self._tasks.alive(2) and self._kept.find_holders()
            if not kept and not (self._probes.off and number < _PROBED):
                return
        if kept:
            self._kept.report()

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

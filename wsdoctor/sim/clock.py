"""The two clocks as selectors: one that counts, and one that jumps.

An asyncio loop learns the time from ``loop.time()`` and sleeps in ``selector.select(timeout)``.
Both are replaced together: a select that would sleep moves the virtual clock instead.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Mapping
from typing import Any

from wsdoctor.sim.outside import Outside, as_socket
from wsdoctor.sim.threads import Activity, Rests, activity

_SLICE = 0.005
"""Wall seconds for which one wait for another thread or a foreign descriptor lasts."""

_PATIENCE = 1.0
"""Wall seconds for which the clock stands still for lent work in all; then it runs at wall pace.

Not for each wait anew: a thread that is stuck would cost them at every timer of the loop.
"""

_LONG_SLICE = 0.05
"""The same where no timer is set: nothing else can end the wait."""

_POLL = 0.0001
"""Seconds that a real loop's iteration takes when it has something to do."""

_SLACK = 0.05
"""Seconds of such work for which the clock stands still at a stretch."""

_DEAREST = 0.001
"""Virtual seconds that an iteration costs in the end."""


class DeadlockError(RuntimeError):
    """Nothing is ready, no timer is set, no thread is at work: nothing can ever happen again."""


class CountingSelector(selectors.BaseSelector):
    """The platform's own selector; ``polls`` counts the iterations of the loop."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.polls = 0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.polls += 1
        return self._real.select(timeout)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.get_key(fileobj)


class VirtualSelector(CountingSelector):
    """A selector that never sleeps: when nothing is ready, ``now`` moves to the next timer.

    ``now`` is in virtual seconds. ``own_ports`` are the ports of wsdoctor's own server: every
    other descriptor is foreign (a database, a subprocess). ``outside`` says for how long the clock
    has to keep the pace of the wall for their sake, before it jumps.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.own_ports: set[int] = set()
        self.lent: Callable[[], int] = lambda: 0
        self.outside = Outside()
        self.told_of_writes: Callable[[int], bool] = lambda _descriptor: False
        """Whether ``outside`` sees the writes to a descriptor; if not, a library writes by itself."""
        self.time_out_ends: Callable[[], bool] = lambda: False
        """Whether a time-out of the application's ends ``now``."""
        self._stood = 0.0
        self._rests = Rests()
        self._debt = 0.0
        self.used_wall_time = False
        self.waited = 0.0
        """Wall seconds for which threads were at work, or answers from outside pending."""
        self.give_up_at = float("inf")
        """Wall time from which threads are not waited for any more …"""
        self.gave_up: float | None = None
        """… and ``now`` when the first one, or the first answer from outside, was not."""
        self.reverse = False
        """Serve sockets that are ready in the same poll in the other order."""
        self.together = 0
        """In how many polls more than one socket was ready."""
        self.before_poll: Callable[[], bool] | None = None
        """Called before each poll; true if it did something, so that the clock must not jump."""

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        if not self._is_own(key.fd):
            raw = not self.told_of_writes(key.fd)
            self.outside.registered(key.fd, events, self.now, raw=raw)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().modify(fileobj, events, data)
        if key.fd in self.outside:
            self.outside.registered(key.fd, events, self.now, raw=False)
        return key

    def adopt(self, descriptor: int) -> None:
        """Take ``descriptor`` for one of the loop's own: no real time is spent on it."""
        self.outside.adopted(descriptor)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        self.outside.unregistered(key.fd, self.now)
        return key

    def _is_own(self, descriptor: int) -> bool:
        try:
            with as_socket(descriptor) as sock:
                if sock.getsockname()[1] in self.own_ports:
                    return True
                return sock.getpeername()[1] in self.own_ports
        except (OSError, IndexError, TypeError):
            return False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.polls += 1
        act = self.before_poll is not None and self.before_poll()
        ready = self._poll()
        if len(ready) > 1:
            self.together += 1
            if self.reverse:
                ready.reverse()
        if not act:
            if ready or (timeout is not None and timeout <= 0):
                self._toil()
            else:
                ready = self._sleep(timeout)
        if self.outside:
            self.outside.heard(ready, self.now)
            if self.outside.pending and self.time_out_ends():
                self.outside.timed_out(self.now)
        return ready

    def _sleep(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        """What becomes ready while real time has to pass; if nothing does, the clock jumps."""
        ready, timeout = self._wait_for_threads(timeout)
        if ready:
            return ready
        ready, timeout = self._wait_for_outside(timeout)
        if self.outside.gave_up and self.gave_up is None:
            self.gave_up = self.now
        if ready:
            return ready
        if timeout is None:
            msg = "nothing is ready and no timer is set: the event loop would sleep for ever"
            raise DeadlockError(msg)
        self.now += timeout
        self._debt = max(0.0, self._debt - timeout)
        return []

    def _toil(self) -> None:
        """Charge for an iteration that had something to do.

        An application that is never idle (it sends in a loop, say) would stop a clock that only
        moves when nothing is ready, and with it every time-out and the server's own ticks. Work up
        to what a real loop does in the time is free, so that ordinary times stay round; beyond that
        an iteration costs what it takes, and ever more, for there may be 40 seconds to go.
        """
        self._debt += _POLL
        if self._debt > _SLACK:
            self.now += min(_POLL * self._debt / _SLACK, _DEAREST)

    def _poll(self) -> list[tuple[selectors.SelectorKey, int]]:
        """The descriptors that are ready now."""
        return self._real.select(0)

    def connection_ends(self) -> None:
        """Threads may have waited for this: look at them again."""
        self._rests.connection_ends()
        self.outside.connection_ends()

    def _wait_for_threads(
        self, timeout: float | None
    ) -> tuple[list[tuple[selectors.SelectorKey, int]], float | None]:
        """Wait for real while other threads are at work; ``timeout`` less the time it cost."""
        last = time.monotonic()
        while (what := activity(self.lent(), self._rests)) is not Activity.NONE:
            if last > self.give_up_at and timeout is not None:
                self.gave_up = self.now if self.gave_up is None else self.gave_up
                break
            ready = self._real.select(_SLICE)
            here = time.monotonic()
            if what is Activity.LENT:
                self._stood += here - last
            if what is Activity.FREE or self._stood > _PATIENCE:
                self.used_wall_time = True
                self.waited += here - last
                passed = here - last if timeout is None else min(here - last, timeout)
                self.now += passed
                timeout = None if timeout is None else timeout - passed
            last = here
            if ready or (timeout is not None and timeout <= 0):
                return ready, timeout
        self._stood = 0.0
        self.used_wall_time |= self._rests.passed_over
        return self._real.select(0), timeout

    def _wait_for_outside(
        self, timeout: float | None
    ) -> tuple[list[tuple[selectors.SelectorKey, int]], float | None]:
        """Wait at the pace of the wall for what comes from outside; ``timeout`` less what it took."""
        while self.outside and (timeout is None or timeout > 0):
            left = self.outside.patience(self.now)
            if timeout is None:
                left = max(left, _LONG_SLICE)
            elif left <= 0:
                break
            began, pending = time.monotonic(), self.outside.pending
            ready = self._real.select(left if timeout is None else min(left, timeout))
            passed = time.monotonic() - began
            self.used_wall_time = True
            self.waited += passed if pending else 0.0
            if timeout is not None:
                passed = min(passed, timeout)
                timeout -= passed
            self.now += passed
            if ready:
                return ready, timeout
        return [], timeout

"""The locks and semaphores that connections acquire, and those of them that no task will release."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from types import CodeType
from typing import Any, Self

from wsdoctor.private.asyncio import free_permits
from wsdoctor.recording.events import LeftLock, LockMet, LocksLeft, Stack
from wsdoctor.session.lock_methods import CONDITION_WAIT, watched_by
from wsdoctor.session.recorder import Recorder
from wsdoctor.session.threads import current_connection

_FIRST_LOOK = 1.0
"""Seconds after which a lock that is held is looked at again; each time it is four times as long."""


@dataclass(slots=True, eq=False)
class _Use:
    """One call that acquires, and what came of it. ``task`` is the one that called, if it is ours."""

    connection: int
    number: int
    task: weakref.ref[asyncio.Task[Any]] | None
    stack: Stack
    began: float
    ended: float = 0.0
    borrower: int = 0

    @property
    def over(self) -> bool:
        """Whether the task that called it has ended: it releases nothing any more."""
        if self.task is None:
            return False
        task = self.task()
        return task is None or task.done()


@dataclass(slots=True, eq=False)
class _Lock:
    """The uses of one lock, kept as long as the lock lives."""

    number: int
    kind: str
    exclusive: bool
    reference: weakref.ref[Any]
    held: list[_Use] = field(default_factory=list)
    waiting: list[_Use] = field(default_factory=list)
    in_vain: dict[int, _Use] = field(default_factory=dict)
    """By the connection: the longest wait that ended without the lock."""
    refused: dict[int, _Use] = field(default_factory=dict)
    """By the connection: the first time that the lock was not free at once."""
    parked: dict[int, _Use] = field(default_factory=dict)
    """By the number of the task: uses that ``Condition.wait()`` releases, and acquires again."""
    signal: bool = False
    """Whether it was released while no task held it: it counts or signals, and protects nothing."""

    def gave_up(self, use: _Use) -> None:
        longest = self.in_vain.get(use.connection)
        if longest is None or longest.ended - longest.began < use.ended - use.began:
            self.in_vain[use.connection] = use


class LockObserver:
    """Records the holders of each lock of asyncio or anyio, for as long as it is entered.

    It notes ``acquire`` where it is called, which may be in another task than the one that awaits it
    (``wait_for``, before Python 3.12). One task may acquire a lock, and another one release it. The
    observer keeps only weak references.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._seen = 0
        self._locks: dict[int, _Lock] = {}

    def __enter__(self) -> Self:
        self._watching = watched_by(self)
        self._watching.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._watching.__exit__(None, None, None)

    # --- what the methods tell

    async def acquire(
        self, original: Any, lock: Any, args: Any, options: Any, use: tuple[_Lock, _Use]
    ) -> Any:
        """Await ``original``, and note what came of it."""
        known, mine = use
        known.waiting.append(mine)
        try:
            acquired = await original(lock, *args, **options)
        except BaseException:
            mine.ended = self._recorder.now()
            known.gave_up(mine)
            raise
        finally:
            known.waiting.remove(mine)
        self.acquired(known, mine)
        return acquired

    def use(self, lock: object, borrower: object, caller: CodeType) -> tuple[_Lock, _Use]:
        """The record of ``lock``, and a use of it with the task and the line that acquire it."""
        known = self._known(lock)
        task = _running_task()
        number = int(getattr(task, "wsdoctor_number", 0))
        if caller is CONDITION_WAIT and (parked := known.parked.get(number)) is not None:
            return known, replace(parked, began=self._recorder.now())
        connection = current_connection()
        return known, _Use(
            connection,
            number,
            weakref.ref(task) if task is not None and number else None,
            self._recorder.calling_stack(),
            self._recorder.now(),
            borrower=id(borrower) if borrower is not None else 0,
        )

    def acquired(self, known: _Lock, use: _Use) -> None:
        use.ended = self._recorder.now()
        if known.exclusive:
            known.held.clear()
        known.held.append(use)

    def refused(self, known: _Lock, use: _Use) -> None:
        """Note that the lock was not free at once, and that the caller did not wait."""
        use.ended = self._recorder.now()
        known.refused.setdefault(use.connection, use)

    def released(self, lock: object, borrower: object, caller: CodeType) -> None:
        known = self._known(lock)
        if not known.held:
            known.signal = True
            return
        number = int(getattr(_running_task(), "wsdoctor_number", 0))
        use = self._released_by(known, number, id(borrower) if borrower is not None else 0)
        known.held.remove(use)
        if caller is CONDITION_WAIT:
            known.parked[number] = use

    def _released_by(self, known: _Lock, number: int, borrower: int) -> _Use:
        """The one that is released: the borrower's, the task's, the connection's, or else the oldest."""
        if len(known.held) == 1:
            return known.held[0]
        connection = current_connection()
        for use in reversed(known.held):
            if borrower and use.borrower == borrower:
                return use
        for use in reversed(known.held):
            if number and use.number == number:
                return use
        for use in reversed(known.held):
            if connection and use.connection == connection:
                return use
        return known.held[0]

    def _known(self, lock: object) -> _Lock:
        known = self._locks.get(id(lock))
        if known is None or known.reference() is not lock:
            self._seen += 1
            locks, key = self._locks, id(lock)
            known = locks[key] = _Lock(
                self._seen,
                _kind(lock),
                hasattr(lock, "locked") and not isinstance(lock, asyncio.Semaphore),
                weakref.ref(lock, lambda gone: _forget(locks, key, gone)),
            )
        return known

    def belongs(self, lock: asyncio.Lock, condition: object) -> None:
        """The application knows ``lock`` as that of ``condition``."""
        self._known(lock).kind = _kind(condition)

    # --- what is left

    async def stays(self, connection: int, until: float, now: Callable[[], float]) -> bool:
        """Whether something that ``connection`` acquired is still held at ``until``, of the time ``now()``.

        By a task that has ended, and in an object that is still referenced.
        """
        if not any(self._left(connection)):
            return False
        gc.collect()
        if not any(self._left(connection)):
            return False
        self.report(connection)
        pause = _FIRST_LOOK
        while (left := until - now()) > 0:
            await asyncio.sleep(min(pause, left))
            pause *= 4
            gc.collect()
            if not any(self._left(connection)):
                return False
        return True

    def report(self, connection: int) -> None:
        """Record what ``connection`` has left held, and what became of others who wanted it."""
        gc.collect()
        left = tuple(
            LeftLock(
                lock=known.number,
                kind=known.kind,
                task=use.number,
                since=use.ended,
                stack=use.stack,
                free=free_permits(known.reference()),
                met=tuple(self._met(known, connection)),
            )
            for known, use in self._left(connection)
        )
        if left:
            recorder = self._recorder
            recorder.add(LocksLeft(**recorder.here(), connection=connection, locks=left))

    def _left(self, connection: int) -> Iterator[tuple[_Lock, _Use]]:
        for known in list(self._locks.values()):
            if not known.held or known.signal:
                continue
            lock = known.reference()
            if lock is None or (known.exclusive and not lock.locked()):
                continue
            for use in known.held:
                if use.connection == connection and use.over and use.stack:
                    yield known, use

    def _met(self, known: _Lock, connection: int) -> Iterator[LockMet]:
        """What became of those who wanted it for later connections."""
        kept = [use for use in known.held if use.over]
        now = self._recorder.now()
        met: tuple[tuple[Any, Iterable[_Use]], ...] = (
            ("waits", known.waiting),
            ("in-vain", known.in_vain.values()),
            ("refused", known.refused.values()),
            ("keeps", kept),
        )
        for how, uses in met:
            for use in uses:
                if use.connection > connection and use.stack:
                    waited = (now if how == "waits" else use.ended) - use.began
                    yield LockMet(use.connection, how, use.stack, waited)


def _forget(locks: dict[int, _Lock], key: int, gone: object) -> None:
    known = locks.get(key)
    if known is not None and known.reference is gone:
        del locks[key]


def _kind(lock: object) -> str:
    """The name of a lock's class, such as ``asyncio.Semaphore``; of another subclass, that of its base."""
    for cls in type(lock).__mro__:
        package = cls.__module__.partition(".")[0]
        if package in {"asyncio", "anyio"}:
            return f"{package}.{cls.__name__}"
    return type(lock).__qualname__


def _running_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return None

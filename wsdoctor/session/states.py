"""The states of a connection: where its tasks are suspended, what they hold, and what is buffered.

Two moments in the same state are alike, however many messages were sent between them. A sweep tries
only some of the moments of each state.
"""

from __future__ import annotations

import asyncio
import enum
import gc
import itertools
import math
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Hashable
from types import CellType, CodeType, FrameType
from typing import Any

from wsdoctor.private.asyncio import awaited_future
from wsdoctor.session.loop import GeneratorObserver
from wsdoctor.session.moments import MANY
from wsdoctor.session.recorder import Recorder
from wsdoctor.session.referrers import attributes
from wsdoctor.session.stacks import Suspended, suspended
from wsdoctor.session.tasks import TaskObserver

_SLEEP = asyncio.sleep.__code__

_MOST = 400
"""Global variables that are looked at at each moment of a life, beside those that suspended code names."""

_NUMBERS = (int, float, complex)
_TEXTS = (str, bytes, bytearray)
_CONTAINERS = (list, dict, set, tuple, frozenset, deque, OrderedDict, defaultdict, Counter)
_QUEUES = (asyncio.Queue, asyncio.PriorityQueue, asyncio.LifoQueue)
_LOCKS = (asyncio.Lock, asyncio.Semaphore, asyncio.BoundedSemaphore, asyncio.Condition)
_VARIABLE = {
    *(type(None), bool, asyncio.Event),
    *(*_NUMBERS, *_TEXTS, *_CONTAINERS, *_QUEUES, *_LOCKS),
}
"""Types of global variables whose values, or what is in them, may be another one at the next moment."""


class StateObserver:
    """Numbers the states of connections in the order in which they first occur, from 1.

    A state has no counters in it: a handler that has sent three messages, and is where it was after two,
    is in the same state. It has the user's variables in it, local and global, as far as they have few
    values: whether they are true, empty, locked or set, and their types.
    """

    def __init__(
        self, recorder: Recorder, tasks: TaskObserver, generators: GeneratorObserver
    ) -> None:
        self._recorder = recorder
        self._tasks = tasks
        self._generators = generators
        self._transports: list[asyncio.Transport] = []
        self._numbers: dict[Hashable, int] = {}
        self._own: frozenset[str] | None = None
        self._globals: list[tuple[dict[str, Any], str]] | None = None
        self._too_many = False
        self._named: dict[CodeType, tuple[str, ...]] = {}

    def made(self, transport: asyncio.Transport) -> None:
        """The server has got a connection; what it buffers for it is part of the state."""
        self._transports.append(transport)

    def of(self, connection: int, step: Hashable) -> tuple[int, int]:
        """The numbers of the state of ``connection``, and of the place that it is in.

        ``step`` tells what came last. The place is where tasks are suspended and what is buffered,
        without what came last and what the variables are.
        """
        tasks = [(task, list(suspended(task))) for task in self._tasks.alive(connection)]
        buffered = tuple(map(_buffered, self._transports))
        places: Counter[Hashable] = Counter(
            tuple((id(frame.f_code), frame.f_lasti) for _, frame in runs) for _, runs in tasks
        )
        states: Counter[Hashable] = Counter(
            (_waits(task), tuple(self._frame(*one) for one in runs)) for task, runs in tasks
        )
        place = (_clipped(places), buffered)
        generators = frozenset(self._generators.suspended(connection))
        state = (_clipped(states), buffered, generators, self._shared(), step)
        return self._number(state), self._number(place)

    def _number(self, what: Hashable) -> int:
        return self._numbers.setdefault(what, len(self._numbers) + 1)

    def shared(self) -> Hashable:
        """What the global variables of the user's modules are like; None if there are too many to look at."""
        known = self._variables()
        return None if self._too_many else self._like(known)

    def _shared(self) -> Hashable:
        return self._like(self._variables())

    def _variables(self) -> list[tuple[dict[str, Any], str]]:
        """The global variables that may change: the first of them, if there are too many."""
        if self._globals is None:
            modules = self._recorder.user_code.modules()
            found = ((vars(it), name) for it in modules for name in list(vars(it)))
            changing = (one for one in found if self._may_change(*one))
            known = list(itertools.islice(changing, _MOST + 1))
            self._globals, self._too_many = known[:_MOST], len(known) > _MOST
        return self._globals

    def _like(self, variables: list[tuple[dict[str, Any], str]]) -> Hashable:
        return tuple(self._held(names.get(name)) for names, name in variables)

    def _may_change(self, names: dict[str, Any], name: str) -> bool:
        kind = type(names[name])
        return not name.startswith("__") and (kind in _VARIABLE or self._is_users(kind))

    def _frame(self, runs: Suspended, frame: FrameType) -> Hashable:
        code = frame.f_code
        held: tuple[Hashable, ...] = ()
        # Not by the frame's variables: before 3.13 to look at them keeps what they hold alive.
        if code is _SLEEP:
            held = tuple(
                _magnitude(value) for value in gc.get_referents(runs) if type(value) in {int, float}
            )
        elif self._recorder.frame(code, frame.f_lineno, frame.f_globals).user:
            held = (
                *(self._held(value) for value in gc.get_referents(runs)),
                *(self._held(frame.f_globals.get(name)) for name in self._names_in(frame)),
            )
        return (id(code), frame.f_lasti, held)

    def _names_in(self, frame: FrameType) -> tuple[str, ...]:
        """The global variables that the code of ``frame`` names."""
        code, its = frame.f_code, frame.f_globals
        if code not in self._named:
            names = (name for name in code.co_names if name in its)
            self._named[code] = tuple(name for name in names if self._may_change(its, name))
        return self._named[code]

    def _held(self, value: object) -> Hashable:
        """The part of a variable's value that distinguishes states."""
        if type(value) is CellType:
            try:
                value = value.cell_contents
            except ValueError:
                return "empty cell"
        if self._is_users(type(value)) and not isinstance(value, enum.Enum):
            held = ((name, _told(item)) for name, item in attributes(value))
            return (type(value).__qualname__, *held)
        return _told(value)

    def _is_users(self, cls: type) -> bool:
        if self._own is None:
            modules = self._recorder.user_code.modules()
            self._own = frozenset(module.__name__ for module in modules)
        return cls.__module__ in self._own


def _told(value: Any) -> Hashable:
    """The type of ``value``, and what it is like, without running any code of the user's."""
    kind = type(value)
    like: Hashable = None
    if value is None or kind is bool:
        like = value
    elif kind in _NUMBERS or kind in _TEXTS:
        like = bool(value)
    elif kind in _CONTAINERS:
        like = min(len(value), MANY)
    elif kind in _QUEUES:
        like = (min(value.qsize(), MANY), value.full())
    elif kind in _LOCKS:
        like = value.locked()
    elif kind is asyncio.Event:
        like = value.is_set()
    elif issubclass(kind, asyncio.Future):
        like = asyncio.Future.done(value)
    elif issubclass(kind, enum.Enum):
        like = getattr(value, "_name_", None)
    return (kind.__qualname__, like)


def _magnitude(seconds: float) -> int | None:
    """How long a sleep is: a tenth of a second or a minute, but not how long to the millisecond."""
    return round(math.log2(seconds)) if 0 < seconds < math.inf else None


def _waits(task: asyncio.Task[Any]) -> Hashable:
    """Whether ``task`` still waits for what it awaits; and whether it was asked to end."""
    waiter = awaited_future(task)
    asked = bool(getattr(task, "wsdoctor_cancelled", ()))
    return None if waiter is None else waiter.done(), asked


def _buffered(transport: asyncio.Transport) -> int:
    """0 if nothing waits to be written, 1 if something does, 2 if senders have to wait."""
    size = transport.get_write_buffer_size()
    return 0 if not size else 1 if size <= transport.get_write_buffer_limits()[1] else MANY


def _clipped(counts: Counter[Hashable]) -> Hashable:
    return frozenset((what, min(count, MANY)) for what, count in counts.items())

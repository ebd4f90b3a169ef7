"""The user's containers, and which of them grow with every connection."""

from __future__ import annotations

import asyncio
import queue
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, Literal

from wsdoctor.recording.events import ContainersGrew, Growth, Holder
from wsdoctor.session.holders import attributes
from wsdoctor.session.recorder import Recorder
from wsdoctor.target.listing import inner_app
from wsdoctor.target.usercode import UserCode

_CONTAINERS = (list, dict, set, deque, OrderedDict, defaultdict, Counter)
_QUEUES = (asyncio.Queue, asyncio.PriorityQueue, asyncio.LifoQueue, queue.Queue, queue.SimpleQueue)

_DEEPEST = 3
"""Steps from a name to what is counted under it: a dict of rooms, each with a set of members."""

_MANY = 1000
"""Elements of a container that is not looked into, but counted itself."""

_MOST = 5000
"""Things that are looked at in all."""

Sizes = dict[Holder, int]
"""How many elements are held under each name, in containers within containers as well."""


class ContainerObserver:
    """How much the containers hold that the user's modules, and the application's state, lead to.

    It counts elements and asks for nothing else: no property is read, and no method of the user's is
    called. What forgets by itself (weak references), or holds a limited number, is left out.
    """

    def __init__(self, recorder: Recorder, app: object) -> None:
        self._recorder = recorder
        found = inner_app(app)
        self._app = None if found is None else found[1]
        self._before: Sizes = {}

    def measure(self) -> None:
        """Remember how much there is now."""
        self._before = self._sizes()

    def grown(self, by: int) -> Sizes:
        """By how much there is more than when it was measured, where that is at least ``by``."""
        before = self._before
        growth = ((name, size - before.get(name, size)) for name, size in self._sizes().items())
        return {name: more for name, more in growth if more >= by}

    def report(self, names: frozenset[Holder], clients: int, *, comes_back: bool) -> None:
        """Under ``names`` there is more with each of ``clients`` connections.

        ``comes_back``: but nothing more when a client has left quietly.
        """
        now = self.grown(1)
        recorder = self._recorder
        for name in names:
            recorder.remember(name.file)
        recorder.add(
            ContainersGrew(
                time=recorder.now(),
                step=recorder.step(),
                connection=1,
                count=clients,
                comes_back=comes_back,
                grown=tuple(Growth(name, by) for name, by in now.items() if name in names),
            )
        )

    def _sizes(self) -> Sizes:
        found: Sizes = {}
        # All objects of a class have the same names for what they hold.
        for name, size in _Walk(self._recorder.user_code).sizes(self._app):
            found[name] = found.get(name, 0) + size
        return found


class _Walk:
    """One look at all there is."""

    def __init__(self, user_code: UserCode) -> None:
        self._modules = user_code.modules()
        self._names = frozenset(module.__name__ for module in self._modules)
        self._left = _MOST
        self._seen: set[int] = set()

    def sizes(self, app: object) -> Iterator[tuple[Holder, int]]:
        for module in self._modules:
            yield from self._of_module(module)
        state = getattr(getattr(app, "state", None), "_state", None)
        if type(state) is dict:
            yield from self._members("attribute", "app.state", state.items(), "")

    def _of_module(self, module: ModuleType) -> Iterator[tuple[Holder, int]]:
        own = module.__name__
        for name, value in list(vars(module).items()):
            if name.startswith("__"):
                continue
            yield from self._named("global", name, own, value, module.__file__ or "")
            if isinstance(value, type) and value.__module__ == own and id(value) not in self._seen:
                self._seen.add(id(value))
                file = module.__file__ or ""
                yield from self._members("class", value.__qualname__, vars(value).items(), file)

    def _members(
        self,
        kind: Literal["attribute", "class"],
        owner: str,
        items: Iterable[tuple[str, object]],
        file: str,
    ) -> Iterator[tuple[Holder, int]]:
        for name, value in list(items):
            if not name.startswith("__"):
                yield from self._named(kind, name, owner, value, file)

    def _named(
        self,
        kind: Literal["global", "attribute", "class"],
        name: str,
        owner: str,
        value: object,
        file: str,
    ) -> Iterator[tuple[Holder, int]]:
        """What is held under one name: elements, or the attributes of an object of the user's."""
        if (size := _count(value)) is not None:
            if id(value) not in self._seen:
                self._seen.add(id(value))
                size += self._within(value)
                yield Holder(kind, name, owner, type(value).__name__, file), size
        elif type(value).__module__ in self._names and id(value) not in self._seen:
            self._seen.add(id(value))
            cls = type(value)
            where = self._file_of(cls)
            yield from self._members("attribute", cls.__qualname__, attributes(value), where)

    def _within(self, container: Any) -> int:
        """How many elements the containers have that are within ``container``."""
        total = 0
        level = [container]
        for _ in range(_DEEPEST):
            below: list[Any] = []
            for holder in level:
                for item in _elements(holder):
                    self._left -= 1
                    if self._left < 0:  # what is counted in part may seem to grow
                        return 0
                    if (count := _count(item)) is not None:
                        total += count
                        below.append(item)
                    elif type(item).__module__ in self._names and not isinstance(item, type):
                        below.append(item)
            if not below:
                break
            level = below
        return total

    def _file_of(self, cls: type) -> str:
        return next((m.__file__ or "" for m in self._modules if m.__name__ == cls.__module__), "")


def _count(value: object) -> int | None:
    """The number of elements of a container that may hold any number; None if it is no such thing."""
    kind = type(value)
    if kind in _CONTAINERS:
        if kind is deque and value.maxlen is not None:  # type: ignore[attr-defined]  # of a deque
            return None
        return len(value)  # type: ignore[arg-type]  # all of them have a length
    if kind in _QUEUES and not getattr(value, "maxsize", 0):
        return int(value.qsize())  # type: ignore[attr-defined]  # of a queue
    return None


def _elements(holder: Any) -> list[Any]:
    """What is in a container, or in the attributes of an object."""
    kind = type(holder)
    if kind in _QUEUES:
        return []
    if kind not in _CONTAINERS:
        return [value for _, value in attributes(holder)]
    if len(holder) > _MANY:
        return []
    return list(holder.values() if isinstance(holder, dict) else holder)

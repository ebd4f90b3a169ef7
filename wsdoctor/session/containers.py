"""The user's containers and gauges, and which of them grow with every connection."""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
import functools
import gc
import inspect
import linecache
import queue
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, NamedTuple

from msgspec.structs import replace

from wsdoctor.diagnosis.entries import is_owed, uses_in
from wsdoctor.diagnosis.gauges import NUMBER, gauges, given_steps
from wsdoctor.recording.events import ContainersGrew, Growth, Holder
from wsdoctor.session.additions import AdditionObserver
from wsdoctor.session.libraries import (
    Container,
    Libraries,
    Root,
    elements,
    elsewhere,
    is_late,
    is_walked,
)
from wsdoctor.session.recorder import Recorder
from wsdoctor.session.referrers import attributes
from wsdoctor.session.roots import LIFESPAN_STATE, Roots
from wsdoctor.session.tap import Tap
from wsdoctor.target.usercode import UserCode

_CONTAINERS = (list, dict, set, deque, OrderedDict, defaultdict, Counter)
_QUEUES = (asyncio.Queue, asyncio.PriorityQueue, asyncio.LifoQueue, queue.Queue, queue.SimpleQueue)

_PLAIN = {
    *_CONTAINERS,
    *(str, bytes, int, float, complex, bool, tuple, frozenset, type(None)),
    *(dt.datetime, dt.date, dt.timedelta, uuid.UUID, decimal.Decimal),
}
"""Types of names, numbers, and containers that are counted on their own."""

_CACHED = type(functools.cache(id))
_MORE_ARGUMENTS = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS

_DEEPEST = 3
"""Steps from a name to the containers counted under it: a dict of rooms, each with a set of members."""

_MANY = 1000
"""Elements from which a container is only counted, and its elements are not examined."""

_MOST = 5000
"""Objects that one measurement examines at most."""


class Gauges:
    """The numbers that the source of ``modules`` both raises and lowers, by name."""

    def __init__(self, modules: Iterable[ModuleType]) -> None:
        found = [_moved(file) for module in modules if (file := module.__file__)]
        up: frozenset[str] = frozenset().union(*(moved.up for moved in found))
        down: frozenset[str] = frozenset().union(*(moved.down for moved in found))
        self._moved = {moved.file: moved.up | moved.down for moved in found}
        for file, name, raised in _given(found):
            up |= {name} if raised else set()
            down |= set() if raised else {name}
            self._moved[file] |= {name}
        self.names = up & down

    def files(self, name: str) -> Iterator[str]:
        """Where the number called ``name`` is moved."""
        return (file for file, names in self._moved.items() if name in names)


@dataclass(frozen=True, slots=True)
class _Moved:
    """The names of the numbers that ``file`` raises, and of those that it lowers."""

    file: str
    lines: list[str]
    up: frozenset[str]
    down: frozenset[str]
    given: frozenset[str]


_read: dict[str, _Moved] = {}


def _moved(file: str) -> _Moved:
    lines = linecache.getlines(file)
    known = _read.get(file)
    if known is None or known.lines is not lines:
        _read[file] = known = _Moved(file, lines, *gauges("".join(lines)))
    return known


_Given = tuple[tuple[str, str, bool], ...]
_last_given: tuple[list[_Moved], _Given] = ([], ())


def _given(found: list[_Moved]) -> _Given:
    """The file and name of each number that a call moves by what it gives, and whether it is raised."""
    global _last_given  # noqa: PLW0603 - found once for the same modules
    known, given = _last_given
    if len(known) != len(found) or any(a is not b for a, b in zip(known, found, strict=True)):
        given = ()
        if any(moved.given for moved in found):
            sources = {moved.file: "".join(moved.lines) for moved in found}
            given = tuple((file, step.name, step.up) for file, step in given_steps(sources))
        _last_given = (found, given)
    return given


Sizes = dict[Holder, int]
"""How many elements are held under each name, in containers within containers as well."""

_Which = Callable[[tuple[object, ...]], bool]
"""Whether an element, or a key with its value, is counted."""

_Named = tuple[str, str, str]
"""The kind, name and owner of a Holder."""


class Measured(NamedTuple):
    """How much there was at one time, in the objects of libraries as well; ``unset`` names had no value."""

    sizes: Sizes
    libraries: Sizes
    unset: frozenset[_Named]


class ContainerObserver:
    """How much the containers hold that the user's modules, and the application, lead to.

    Numbers are looked at as well, if some line of the user's raises them and another one lowers them. It counts elements and asks for nothing
    else: no property is read, and no method of the user's is called. What forgets by itself (weak references), or holds a limited number, is left out.
    ``libraries``: what grows is looked for in the objects of libraries as well.
    """

    def __init__(self, recorder: Recorder, tap: Tap, *, libraries: bool = False) -> None:
        self._with_libraries = libraries
        self._libraries: Libraries | None = None
        self._additions: AdditionObserver | None = None
        self._recorder = recorder
        self._tap = tap
        self._roots: Roots | None = None
        self._before = Measured({}, {}, frozenset())
        self._unset: frozenset[_Named] = frozenset()
        self._made_late: set[Holder] = set()
        self._gauges: Gauges | None = None

    def measure(self) -> Measured:
        """Remember how much there is now; what was remembered before is returned."""
        last = self._before
        roots = self._no_roots()
        sizes = self._sizes(roots=roots)
        found = self._in_libraries(roots)
        libraries = {name: container.size for name, container in found.items()}
        self._before = Measured(sizes, libraries, self._unset)
        return last

    def compare_with(self, measured: Measured) -> None:
        """Take ``measured`` for how much there was before."""
        self._before = measured

    def grown(self, by: int) -> Sizes:
        """By how much there is more than when it was measured, where that is at least ``by``."""
        roots = self._no_roots()
        grown = {
            name: abs(more)
            for name, more in self._changed(roots).items()
            if _is_more(name, more, by)
        }
        if found := self._grown_in_libraries(self._in_libraries(roots), by):
            gc.collect()  # what only a cycle holds, and a library by a weak reference, has gone
            again = self._in_libraries(roots)
            grown |= self._grown_in_libraries({n: again[n] for n in found if n in again}, by)
        return grown

    def _no_roots(self) -> list[Root] | None:
        """A list for the objects of libraries; None if they are not looked at."""
        return [] if self._with_libraries else None

    def _in_libraries(self, roots: list[Root] | None) -> dict[Holder, Container]:
        """The containers of libraries' objects; none if they are not looked at."""
        if roots is None or self._roots is None:
            return {}
        if self._libraries is None:
            self._libraries = Libraries(self._recorder.user_code, self._tap.app)
        return self._libraries.containers([*roots, *self._roots.others(), *elsewhere()])

    def _grown_in_libraries(self, now: dict[Holder, Container], by: int) -> Sizes:
        before = self._before.libraries
        more = {
            # A logger that the first client has made had nothing before.
            name: container.size - before.get(name, 0 if is_late(name) else container.size)
            for name, container in now.items()
        }
        return {name: size for name, size in more.items() if size >= by}

    def watch(self, names: frozenset[Holder], number: int) -> None:
        """Look from now on with which line of connection ``number`` libraries' containers of ``names`` grow."""
        libraries = frozenset(name for name in names if name.inside is not None)
        if libraries:
            self._additions = AdditionObserver(self._recorder, number, self._sizes_of(libraries))
            self._additions.begin()

    def watched(self) -> None:
        """The connection that was watched is over."""
        if self._additions is not None:
            self._additions.end()

    def _sizes_of(self, names: frozenset[Holder]) -> Callable[[], Sizes]:
        roots: list[Root] = []
        self._sizes(roots=roots)

        def sizes() -> Sizes:
            found = self._in_libraries(roots)
            return {name: found[name].size for name in names if name in found}

        return sizes

    def _changed(self, roots: list[Root] | None = None) -> Sizes:
        before, sizes = self._before.sizes, self._sizes(roots=roots)
        return {
            name: size - before.get(name, 0 if self._was_nothing(name) else size)
            for name, size in sizes.items()
        }

    def _was_nothing(self, name: Holder) -> bool:
        """Whether what is held under ``name`` was made after it was measured, for nothing had been there."""
        named = (name.kind, name.name, name.owner)
        return name in self._made_late or named in self._before.unset

    def gains(self) -> tuple[Growth, ...]:
        """The growth of each container since ``measure()``, without numbers."""
        return tuple(Growth(name, by) for name, by in self.grown(1).items() if not _is_number(name))

    def owed(self, names: frozenset[Holder]) -> frozenset[Holder]:
        """Those of ``names`` that the code which puts something in is to take it out of again."""
        return frozenset(
            name
            for name in names
            if not _is_number(name) and name.inside is None and is_owed(self._sources(name), name)
        )

    def _sources(self, name: Holder) -> dict[str, str]:
        """The text of the user's files, and of the one that ``name`` is in."""
        files = {
            name.file,
            *(module.__file__ or "" for module in self._recorder.user_code.modules()),
        }
        return {file: "".join(linecache.getlines(file)) for file in sorted(files) if file}

    def level(self, name: Holder, sizes: Sizes) -> int:
        """How many of ``sizes`` are under ``name`` more than when it was measured."""
        return sizes.get(name, 0) - self._before.sizes.get(name, 0)

    def sizes(self) -> Sizes:
        """How many elements there are now."""
        return self._sizes()

    def things(self) -> Sizes:
        """How many of the elements are objects: no names, no numbers, and no containers."""
        return self._sizes(which=_is_thing)

    def report(
        self,
        names: frozenset[Holder],
        clients: int,
        *,
        comes_back: bool,
        scheduled: bool,
        apart: str = "",
        refused: bool = False,
    ) -> None:
        """Under ``names`` there is more with each of ``clients`` connections; the rest is that of ContainersGrew."""
        roots = self._no_roots()
        now = self._changed(roots)
        finished = self._sizes(which=_is_finished)
        recorder = self._recorder
        for name in names:
            recorder.remember(name.file)
            for file in self._gauges.files(name.name) if self._gauges and _is_number(name) else ():
                recorder.remember(file)
            for file, text in self._sources(name).items():
                if not _is_number(name) and uses_in(text, name.name):
                    recorder.remember(file)
        recorder.add(
            ContainersGrew(
                **recorder.here(),
                connection=1,
                count=clients,
                comes_back=comes_back,
                grown=(
                    *(
                        Growth(
                            name, abs(by), falls=by < 0, finished=0 < by <= finished.get(name, 0)
                        )
                        for name, by in now.items()
                        if name in names
                    ),
                    *self._growth_in_libraries(names, self._in_libraries(roots)),
                ),
                apart=apart,
                refused=refused,
                scheduled=scheduled,
            )
        )

    def _growth_in_libraries(
        self, names: frozenset[Holder], now: dict[Holder, Container]
    ) -> Iterator[Growth]:
        libraries = self._libraries
        for name, container in now.items():
            if libraries is None or name not in names:
                continue
            by = container.size - self._before.libraries.get(name, 0)
            registered = None
            if self._additions is not None:
                sources = self._sources(name)
                registered = self._additions.registered(name, container.classes, sources)
            if registered is not None:
                for place in (registered.put, registered.undo_at):
                    if place is not None:
                        self._recorder.remember(place.file)
            placed = libraries.placed(name, container.classes[-1])
            yield Growth(placed, by, registered=registered, limited=container.limited)

    def _sizes(self, *, which: _Which | None = None, roots: list[Root] | None = None) -> Sizes:
        found: Sizes = {}
        # All objects of a class have the same names for what they hold.
        if self._gauges is None or self._roots is None:
            self._roots = Roots(self._tap.app, self._recorder.user_code)
            self._gauges = Gauges(self._recorder.user_code.modules())
        gauges = frozenset() if which is not None else self._gauges.names
        walk = _Walk(self._recorder.user_code, gauges, which=which, of_libraries=roots)
        for name, size in walk.sizes(self._roots, self._tap.state):
            found[name] = found.get(name, 0) + size
        self._made_late |= walk.made_late
        self._unset = frozenset(walk.unset)
        return _told_apart(found)


class _Walk:
    """One look at all there is, or at ``which`` elements. ``of_libraries`` gets the objects of libraries that names lead to."""

    def __init__(
        self,
        user_code: UserCode,
        gauges: frozenset[str],
        *,
        which: _Which | None = None,
        of_libraries: list[Root] | None = None,
    ) -> None:
        self._which = which
        self._of_libraries = of_libraries
        self._modules = user_code.modules()
        self._gauges = gauges
        self._names = frozenset(getattr(module, "__name__", "") for module in self._modules)
        self._left = _MOST
        self._seen: set[int] = set()
        self.made_late: set[Holder] = set()
        """Containers that only the first client made: they were empty before."""
        self.unset: set[_Named] = set()
        """The names that have no value yet but None."""

    def sizes(self, roots: Roots, state: object) -> Iterator[tuple[Holder, int]]:
        """The size of each container and gauge at this moment. ``state`` is the state of the lifespan."""
        for module in self._modules:
            yield from self._of_module(module)
        for owner, held in roots.states():
            yield from self._members("attribute", owner, held.items(), "")
        if isinstance(state, dict):
            named = ((name, value) for name, value in state.items() if isinstance(name, str))
            yield from self._members("attribute", LIFESPAN_STATE, named, "")
        for thing in roots.things:
            yield from self._of_thing(thing)
        for name, owner, file, cell in roots.variables:
            try:
                value = cell.cell_contents
            except ValueError:  # it has no value now
                continue
            yield from self._named("variable", name, owner, value, file)

    def _of_module(self, module: ModuleType) -> Iterator[tuple[Holder, int]]:
        own = getattr(module, "__name__", "")
        for name, value in list(vars(module).items()):
            if name.startswith("__"):
                continue
            file = module.__file__ or ""
            yield from self._named("global", name, own, value, file)
            if isinstance(value, type) and value.__module__ == own:
                yield from self._of_thing(value)
            elif type(value) is _CACHED:
                given = self._given(value)
                for holder, size in self._named("global", f"{name}()", own, given, file):
                    self.made_late.add(holder)
                    yield holder, size

    def _given(self, function: Any) -> object:
        """What a function of the user's without parameters gives each time, if it has been called."""
        code = getattr(function.__wrapped__, "__code__", None)
        if getattr(function, "__module__", "") not in self._names or code is None:
            return None
        takes = code.co_argcount or code.co_kwonlyargcount or code.co_flags & _MORE_ARGUMENTS
        # It is not run again: there is but one call that can be remembered.
        return None if takes or not function.cache_info().currsize else function()

    def _of_thing(self, thing: object, through: str = "") -> Iterator[tuple[Holder, int]]:
        """What an instance of the user's that the name ``through`` leads to, or a class, holds."""
        kind: Literal["attribute", "class"]
        cls: type
        held: list[tuple[str, object]]
        if id(thing) in self._seen:
            return
        self._seen.add(id(thing))
        if isinstance(thing, type):
            cls, kind, held = thing, "class", list(vars(thing).items())
        else:
            cls, kind, held = type(thing), "attribute", list(attributes(thing))
        if self._gauges:
            held += self._inherited(cls, frozenset(name for name, _ in held))
        through = through if kind == "attribute" else ""
        yield from self._members(kind, cls.__qualname__, held, self._file_of(cls), through)

    def _inherited(self, cls: type, own: frozenset[str]) -> Iterator[tuple[str, object]]:
        """The numbers that are not ``own`` yet: the first line that moves one makes it so."""
        for name in self._gauges - own:
            for base in cls.__mro__:
                if base.__module__ in self._names and name in vars(base):
                    yield name, vars(base)[name]
                    break

    def _members(
        self,
        kind: Literal["attribute", "class"],
        owner: str,
        items: Iterable[tuple[str, object]],
        file: str,
        through: str = "",
    ) -> Iterator[tuple[Holder, int]]:
        for name, value in list(items):
            if not name.startswith("__"):
                yield from self._named(kind, name, owner, value, file, through=through)

    def _named(
        self,
        kind: Literal["global", "attribute", "class", "variable"],
        name: str,
        owner: str,
        value: object,
        file: str,
        *,
        through: str = "",
    ) -> Iterator[tuple[Holder, int]]:
        """The elements or numbers under one name, or the attributes of an object of the user's."""
        if value is None:
            self.unset.add((kind, name, owner))
        if name in self._gauges and (number := _number(value)) is not None:
            yield Holder(kind, name, owner, NUMBER, file, through=through), number
        if (size := self._counted(value)) is not None:
            if id(value) not in self._seen:
                self._seen.add(id(value))
                size += self._within(value)
                yield Holder(kind, name, owner, type(value).__name__, file), size
                if self._of_libraries is not None and type(value) not in _QUEUES:
                    for key, item in elements(value):
                        self._note(Root(kind, f"{name}[{key!r}]", owner, file, item))
        elif type(value).__module__ in self._names:
            yield from self._of_thing(value, name)
        elif self._of_libraries is not None:
            self._note(Root(kind, name, owner, file, value))

    def _note(self, root: Root) -> None:
        if self._of_libraries is not None and is_walked(root.thing, self._names):
            self._of_libraries.append(root)

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
                    if (count := self._counted(item)) is not None:
                        total += count
                        below.append(item)
                    elif type(item).__module__ in self._names and not isinstance(item, type):
                        below.append(item)
            if not below:
                break
            level = below
        return total

    def _counted(self, value: object) -> int | None:
        """The number of elements of a container, or of those that are asked for."""
        count = _count(value)
        if self._which is None or not count:
            return count
        pairs = value.items() if isinstance(value, dict) else ((item,) for item in _elements(value))
        return sum(map(self._which, list(pairs)))

    def _file_of(self, cls: type) -> str:
        return next(
            (
                m.__file__ or ""
                for m in self._modules
                if getattr(m, "__name__", "") == cls.__module__
            ),
            "",
        )


def _told_apart(sizes: Sizes) -> Sizes:
    """``sizes``, in which only the numbers of several objects of a class are known by the names of these."""
    plain = {name: replace(name, through="") for name in sizes if name.through}
    if not plain:
        return sizes
    of_one = Counter(plain.values())
    alone = {name: one for name, one in plain.items() if of_one[one] == 1}
    return {alone.get(name, name): size for name, size in sizes.items()}


def _is_thing(element: tuple[object, ...]) -> bool:
    """Whether it is an object: no name, no number, and no container."""
    return not all(type(part) in _PLAIN for part in element)


def _is_finished(element: tuple[object, ...]) -> bool:
    """Whether it is a task, or another future, that is done; nothing of the user's is asked."""
    return any(
        issubclass(type(part), asyncio.Future) and asyncio.Future.done(part)  # type: ignore[arg-type]  # it is one
        for part in element
    )


def _is_number(name: Holder) -> bool:
    return name.container == NUMBER


def _is_more(name: Holder, more: int, by: int) -> bool:
    """Whether that is ``by`` elements more; a number may as well have gone down by as much."""
    return (abs(more) if _is_number(name) else more) >= by


def _number(value: object) -> int | None:
    """A whole number, or the sum of those that a container holds; None if it is no such thing."""
    kind = type(value)
    if kind is int or (kind is float and value.is_integer()):  # type: ignore[attr-defined]  # of a float
        return int(value)  # type: ignore[call-overload,no-any-return]  # a number
    if kind not in _CONTAINERS or len(value) > _MANY:  # type: ignore[arg-type]  # all of them have a length
        return None
    items = list(value.values() if isinstance(value, dict) else value)  # type: ignore[call-overload]  # as above
    numbers = [
        int(item)
        for item in items
        if type(item) is int or (type(item) is float and item.is_integer())
    ]
    return sum(numbers) if numbers or not items else None


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
    """The elements of a container, or the values of an object's attributes."""
    kind = type(holder)
    if kind in _QUEUES:
        return []
    if kind not in _CONTAINERS:
        return [value for _, value in attributes(holder)]
    if len(holder) > _MANY:
        return []
    return list(holder.values() if isinstance(holder, dict) else holder)

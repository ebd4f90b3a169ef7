"""Find the holder of a finished connection: a walk up the references, to a name in the user's code."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import (
    AsyncGeneratorType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    ModuleType,
    TracebackType,
)
from typing import Any, Literal, TypeGuard

from msgspec import structs

from wsdoctor.recording.events import Holder, StackFrame
from wsdoctor.target.source import frame_of
from wsdoctor.target.usercode import UserCode

_HIGHEST = 10
"""Steps from one object to what holds it, up to which a name is looked for."""

_WIDEST = 2000
"""Objects of one step; where there are more, everything holds everything."""

_RANK = ("global", "attribute", "class", "variable")
_CACHE = "_lru_cache_wrapper"
_SUSPENDED = (CoroutineType, GeneratorType, AsyncGeneratorType)


Timers = Callable[[asyncio.TimerHandle], Holder | None]
"""A timer as what holds something, if the user's code has set it."""


def holders(
    first: object, second: object, user_code: UserCode, timers: Timers
) -> tuple[Holder, ...]:
    """The names in the user's code under which both objects are held, the likeliest first.

    That is where what holds the one and what holds the other come together: a set of connections,
    however deep in each of them the object lies. What a living task of a connection holds, or a
    traceback, does not count; nor does what keeps a limited number, a ``deque`` with a ``maxlen``
    or an ``lru_cache``. All references are looked at, which takes some ten milliseconds a step.
    """
    # Frozen objects are in no generation, and gc.get_referrers() does not see them.
    gc.unfreeze()
    try:
        return _Search(user_code, timers).common(first, second)
    finally:
        # The session's own collections are to be quick again; the last one thaws everything.
        gc.freeze()
        _searched.append(True)


_searched: list[bool] = []


def thaw() -> bool:
    """Whether a search has frozen what there was, since this was asked last.

    The collector itself would have to count all that is frozen, which costs more than a session.
    """
    searched = bool(_searched)
    _searched.clear()
    return searched


class _Search:
    """One walk. Its own lists hold everything it meets, so it leaves them out by their ids."""

    def __init__(self, user_code: UserCode, timers: Timers) -> None:
        self._user_code = user_code
        self._timers = timers
        self._namespaces = {
            id(getattr(module, "__dict__", None)): (name, module)
            for name, module in list(sys.modules.items())
        }
        # Each function of a module refers to its namespace, and does not hold what is in it. With a package
        # it is a name that the user's code has for that; from `threading`, it leads to anything at all.
        self._standard = {
            namespace
            for namespace, (name, module) in self._namespaces.items()
            if name.partition(".")[0] in sys.stdlib_module_names
            and not ((file := getattr(module, "__file__", None)) and user_code.is_user(file))
        }

    def common(self, first: object, second: object) -> tuple[Holder, ...]:
        reached: dict[int, set[int]] = {id(first): {1}, id(second): {2}}
        frontier: list[object] = [first, second]
        kept: list[object] = [first, second]  # so that no id is used again
        for _ in range(_HIGHEST):
            above: list[object] = []
            for held, holder in self._referrers(frontier, (reached, kept)):
                timer = held if isinstance(holder, list) and _is_timer(held) else None
                if timer is not None and (by_timer := self._timers(timer)) is None:
                    continue  # a package's; the loop's other timers have nothing to do with it
                known = reached.get(id(holder))
                if known is None:
                    known = reached[id(holder)] = set()
                    above.append(holder)
                    kept.append(holder)
                before = len(known)
                known |= reached[id(held)]
                if len(known) <= max(before, 1):
                    continue
                if timer is not None and by_timer is not None:
                    return (by_timer,)
                if found := self._names(holder):
                    return found
            frontier = above
            if not frontier or len(frontier) > _WIDEST:
                break
        return ()

    def _names(self, container: object) -> tuple[Holder, ...]:
        """The names of ``container``, or of the nearest thing that holds it."""
        below: dict[int, object] = {}
        seen = {id(container)}
        frontier: list[object] = [container]
        kept: list[object] = [container]
        what = type(container).__name__
        for _ in range(_HIGHEST):
            found: list[Holder] = []
            above: list[object] = []
            for held, holder in self._referrers(frontier, (below, kept)):
                if id(holder) in seen:
                    continue
                seen.add(id(holder))
                below[id(holder)] = held
                above.append(holder)
                kept.append(holder)
                inside = self._package_between(holder, below)
                if type(holder).__name__ == _CACHE:
                    what = "cache"
                found.extend(
                    structs.replace(name, inside=inside)
                    for name in self._name(holder, held, below, what)
                )
            if found:
                return tuple(sorted(found, key=lambda it: (_RANK.index(it.kind), it.file, it.name)))
            frontier = above
            if not frontier or len(frontier) > _WIDEST:
                break
        return ()

    def _package_between(self, holder: object, below: dict[int, object]) -> StackFrame | None:
        """The class of the innermost object of a package between ``holder`` and the connection."""
        innermost: StackFrame | None = None
        while (under := below.get(id(holder))) is not None:
            innermost = self._package_class(type(under)) or innermost
            holder = under
        return innermost

    def _package_class(self, cls: type) -> StackFrame | None:
        """Where ``cls`` is, if it is a package's and no collection: those hold what they are given."""
        file = getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
        package = self._user_code.package_of(file) if file else ""
        if not package or hasattr(cls, "__iter__") or hasattr(cls, "__contains__"):
            return None
        place = frame_of(cls, self._user_code)
        return None if place is None else structs.replace(place, package=package)

    def _referrers(
        self, objects: Sequence[object], own: tuple[object, ...]
    ) -> Iterator[tuple[object, object]]:
        """Each of ``objects`` with each thing that holds it and counts."""
        by_id = {id(item): item for item in objects}
        hidden = {id(objects), id(by_id), id(own), *map(id, own)}
        for holder in gc.get_referrers(*objects):
            if id(holder) in hidden or _counts_not(holder):
                continue
            for held in gc.get_referents(holder):
                if id(held) in by_id and id(held) not in self._standard:
                    yield held, holder

    def _name(
        self, holder: Any, held: object, below: dict[int, object], container: str
    ) -> Iterator[Holder]:
        """What the user calls ``held`` there, if ``holder`` is of the user's code.

        A namespace, or the cells of a function, lie between: then it is what is ``below`` that.
        """
        wanted = (held, below.get(id(held), held))
        kind = type(holder)
        if kind is dict:
            found = self._globals(holder)
        elif issubclass(kind, type):
            found = self._members("class", holder, vars(holder).items())
        elif issubclass(kind, FunctionType):
            found = self._cells(holder)
        elif issubclass(kind, _SUSPENDED):
            found = self._locals(holder)
        else:
            found = self._members("attribute", kind, attributes(holder))
        for name, value in found:
            if any(value is item for item in wanted):
                yield structs.replace(name, container=container)

    def _globals(self, namespace: dict[str, object]) -> Iterator[tuple[Holder, object]]:
        name, module = self._namespaces.get(id(namespace), ("", None))
        file = getattr(module, "__file__", None) or ""
        if module is not None and self._user_code.is_user(file):
            for key, value in namespace.items():
                yield Holder("global", key, name, "", file), value

    def _members(
        self, kind: Literal["class", "attribute"], cls: type, items: Iterable[tuple[str, object]]
    ) -> Iterator[tuple[Holder, object]]:
        if file := self._file_of(cls):
            for key, value in items:
                yield Holder(kind, key, cls.__qualname__, "", file), value

    def _cells(self, function: FunctionType) -> Iterator[tuple[Holder, object]]:
        code = function.__code__
        if self._user_code.is_user_code(code, function.__globals__):
            owner = code.co_qualname.rpartition(".<locals>")[0] or code.co_qualname
            for key, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
                yield Holder("variable", key, owner, "", code.co_filename), cell

    def _locals(self, suspended: object) -> Iterator[tuple[Holder, object]]:
        frame: FrameType | None = (
            getattr(suspended, "cr_frame", None)
            or getattr(suspended, "gi_frame", None)
            or getattr(suspended, "ag_frame", None)
        )
        if frame is not None and self._user_code.is_user_frame(frame):
            code = frame.f_code
            for key, value in frame.f_locals.items():
                yield Holder("variable", key, code.co_qualname, "", code.co_filename), value

    def _file_of(self, cls: type) -> str:
        """The file of a class of the user's; "" for any other."""
        file = getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
        return file if file and self._user_code.is_user(file) else ""


_OWN = frozenset(
    f"wsdoctor.session.{name}"
    for name in (
        "course",
        "visits",
        "recorder",
        "holders",
        "client",
        "tasks",
        "containers",
        "timers",
    )
)


def attributes(thing: object) -> Iterator[tuple[str, object]]:
    """What the attributes of ``thing`` are, those in slots included."""
    # Not by getattr of a name that is listed: a property runs the user's code.
    yield from (getattr(thing, "__dict__", None) or {}).items()
    for cls in type(thing).__mro__:
        for name, slot in vars(cls).items():
            if type(slot).__name__ == "member_descriptor":
                yield name, getattr(thing, name, None)


def _is_timer(held: object) -> TypeGuard[asyncio.TimerHandle]:
    return issubclass(type(held), asyncio.TimerHandle)


def _counts_not(holder: Any) -> bool:
    """Whether ``holder`` does not hold its contents on purpose, or holds a limited number of them."""
    kind = type(holder)  # not isinstance(): it asks proxies for the class of what they stand for
    if issubclass(kind, FrameType | TracebackType | BaseException | ModuleType):
        return True
    if issubclass(kind, asyncio.Task):
        # Another rule reports an unfinished one of a connection.
        return bool(getattr(holder, "wsdoctor_connection", 0))
    if issubclass(kind, deque):
        return holder.maxlen is not None
    if kind.__name__ == _CACHE:
        return holder.cache_parameters()["maxsize"] is not None
    return kind.__module__ in _OWN

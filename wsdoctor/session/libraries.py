"""The containers of libraries' objects that the user's names lead to: a logger's handlers, a signal's receivers.

Only their sizes are looked at. A bounded number of objects is walked, and no code of theirs is run.
"""

from __future__ import annotations

import logging
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, Literal, NamedTuple

from msgspec import structs

from wsdoctor.diagnosis.attribution import PLUMBING
from wsdoctor.recording.events import Holder, StackFrame
from wsdoctor.session.pools import imported
from wsdoctor.target.source import frame_of
from wsdoctor.target.usercode import UserCode

_MOST = 200
"""Objects that are walked."""

_DEEPEST = 2
"""Steps from an object that the user has a name for to one whose attributes are looked at."""

_WIDEST = 20
"""Elements of a container that are looked at: one with more holds data."""

_LOGGERS = 200
"""Loggers that are looked at without a name of the user's."""

_NESTED = (list, dict, set, deque)
"""Types of containers whose sizes are added to that of the one that they are in."""

_LEFT_OUT = PLUMBING | {
    *("asyncio", "threading", "queue", "weakref", "_weakrefset", "multiprocessing", "subprocess"),
    *("typing", "types", "enum", "re", "pathlib", "contextvars", "dataclasses", "functools", "abc"),
    *(
        "__future__",
        "builtins",
        "collections",
        "datetime",
        "zoneinfo",
        "ssl",
        "socket",
        "selectors",
        "random",
    ),
    *("pytest", "_pytest", "pluggy", "jinja2", "click", "typer", "rich"),
}
"""Packages whose objects are not walked: they hold what the interpreter, or the framework, needs."""

_FUNCTIONS = (type, FunctionType, BuiltinFunctionType, MethodType, ModuleType)

_CACHES = re.compile("cache|memo", re.IGNORECASE)
"""Names of containers that are filled once, with the things that were asked for."""

_LIMITS = re.compile(r"(^|_)(max|limit|capacity|ttl|expir|timeout)", re.IGNORECASE)
"""Names of attributes that limit how much an object keeps, or how long."""

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")

Kind = Literal["global", "attribute", "class", "variable"]


class Root(NamedTuple):
    """An object of a library's, with the user's name for it (see Holder)."""

    kind: Kind
    name: str
    owner: str
    file: str
    thing: object


class Container(NamedTuple):
    """A container of a library's object: its size, the classes that lead to it, and whether one has a limit."""

    size: int
    classes: tuple[type, ...]
    limited: bool


@dataclass(frozen=True, slots=True)
class _Visit:
    root: Root
    path: str
    thing: object
    depth: int
    classes: tuple[type, ...]
    limited: bool


def is_walked(value: object, own: frozenset[str]) -> bool:
    """Whether ``value`` is an object of a library's that may hold something; ``own`` are the user's modules."""
    kind = type(value)
    if issubclass(kind, _FUNCTIONS) or kind.__module__ in own:
        return False
    return kind.__module__.partition(".")[0] not in _LEFT_OUT


class Libraries:
    """Finds the containers of libraries' objects, and names them from the user's names on."""

    def __init__(self, user_code: UserCode, app: object) -> None:
        self._user_code = user_code
        self._own = frozenset(module.__name__ for module in user_code.modules())
        # Pools have a rule of their own; the application itself is the framework's.
        self._not_walked = (*(cls for _, cls in imported()), type(app))
        self._slots: dict[type, tuple[tuple[str, Any], ...]] = {}
        self._frames: dict[type, StackFrame | None] = {}

    def containers(self, roots: Iterable[Root]) -> dict[Holder, Container]:
        """The containers that can be reached from ``roots``."""
        found: dict[Holder, Container] = {}
        seen: set[int] = set()
        waiting = deque(_Visit(root, root.name, root.thing, 0, (), False) for root in roots)
        while waiting and len(seen) < _MOST:
            visit = waiting.popleft()
            kind = type(visit.thing)
            if id(visit.thing) in seen or issubclass(kind, self._not_walked):
                continue
            seen.add(id(visit.thing))
            waiting += self._look_at(visit, found)
        for root in _loggers(seen):
            self._look_at(_Visit(root, root.name, root.thing, _DEEPEST, (), False), found)
        self._count_loggers(found)
        return found

    def _look_at(self, visit: _Visit, found: dict[Holder, Container]) -> list[_Visit]:
        """Add the containers of one object to ``found``: the objects of libraries that it holds."""
        kind = type(visit.thing)
        classes = (*visit.classes, kind)
        parts = list(self._parts(visit.thing))
        limited = visit.limited or any(
            type(value) in {int, float} and _LIMITS.search(name) for name, value in parts
        )
        below: list[_Visit] = []

        def also(path: str, value: object) -> None:
            if visit.depth < _DEEPEST and is_walked(value, self._own):
                below.append(_Visit(visit.root, path, value, visit.depth + 1, classes, limited))

        for name, value in parts:
            if _CACHES.search(name) or name.startswith("__") or not _IDENTIFIER.fullmatch(name):
                continue
            path = f"{visit.path}.{name}"
            if (size := size_of(value)) is None:
                also(path, value)
                continue
            holder = self._holder(visit.root, path, kind, type(value).__name__)
            if holder is not None:
                found[holder] = Container(size, classes, limited)
            for key, item in elements(value):
                also(f"{path}[{key!r}]", item)
        return below

    def _holder(self, root: Root, path: str, cls: type, container: str) -> Holder | None:
        if cls not in self._frames:
            self._frames[cls] = self._class_frame(cls)
        inside = self._frames[cls]
        if inside is None:
            return None
        return Holder(root.kind, path, root.owner, container, root.file, inside)

    def _class_frame(self, cls: type) -> StackFrame | None:
        """Where ``cls`` is, without its line: to look for that takes milliseconds."""
        file = getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
        if not file or self._user_code.is_user(file):
            return None
        package = self._user_code.package_of(file) or cls.__module__.partition(".")[0]
        name = cls.__qualname__
        return StackFrame(file=file, line=0, function=name, user=False, package=package)

    def placed(self, holder: Holder, cls: type) -> Holder:
        """``holder`` with the line of the class ``cls`` that it is in."""
        place = frame_of(cls, self._user_code)
        if place is None or holder.inside is None:
            return holder
        inside = structs.replace(place, package=holder.inside.package)
        return structs.replace(holder, inside=inside)

    def _count_loggers(self, found: dict[Holder, Container]) -> None:
        """Each logger stays for ever: one with a name of its own for each client, too."""
        manager = logging.Logger.manager
        root = Root("global", _LOGGING, "logging", "", logging.root)
        path = f"{_LOGGING}.manager.loggerDict"
        holder = self._holder(root, path, logging.Manager, "dict")
        if holder is not None:
            classes = (logging.Logger, logging.Manager)
            found[holder] = Container(len(manager.loggerDict), classes, False)

    def _parts(self, thing: object) -> Iterator[tuple[str, Any]]:
        """The attributes of ``thing``, by what its class says of them: nothing of it is called."""
        kind = type(thing)
        if kind not in self._slots:
            self._slots[kind] = tuple(_slots(kind))
        logger = issubclass(kind, logging.Logger)
        for name, slot in self._slots[kind]:
            try:
                value = slot.__get__(thing, kind)
            except AttributeError:  # a slot without a value
                continue
            if name != "__dict__":
                yield name, value
            elif type(value) is dict:
                for key, item in list(value.items()):
                    if not logger or key in _OF_A_LOGGER:
                        yield key, item


_LOGGING = "logging.root"
_OF_A_LOGGER = frozenset({"handlers", "filters"})
"""What of a logger is looked at: it leads to all the others, and each one has a cache."""


def _loggers(seen: set[int]) -> Iterator[Root]:
    """The loggers that have not been seen, named by how one gets them."""
    if id(logging.root) not in seen:
        yield Root("global", _LOGGING, "logging", "", logging.root)
    for name, logger in list(logging.Logger.manager.loggerDict.items())[:_LOGGERS]:
        if not isinstance(logger, logging.Logger) or id(logger) in seen:
            continue
        if logger.handlers or logger.filters:  # most have none, which need not be noted (is_late)
            yield Root("global", f"logging.getLogger({name!r})", "logging", "", logger)


def elsewhere() -> Iterator[Root]:
    """What libraries hold for the user's code under names of their own: the channel layers of Channels."""
    module = sys.modules.get("channels.layers")
    layers = getattr(module, "channel_layers", None)
    for name, layer in dict(getattr(layers, "backends", ())).items():
        path = f"channel_layers.backends[{name!r}]"
        yield Root("global", path, "channels.layers", "", layer)


def is_late(name: Holder) -> bool:
    """Whether the library makes what is called ``name`` when it is first asked for, by its own name."""
    return name.owner in {"logging", "channels.layers"}


def elements(container: Any) -> Iterator[tuple[object, Any]]:
    """The elements of a small container, each with what it is found by."""
    if len(container) > _WIDEST or type(container) is set:
        return
    pairs = container.items() if isinstance(container, dict) else enumerate(container)
    for key, item in list(pairs):
        if type(key) in {str, int}:
            yield key, item


def size_of(value: Any, deep: int = 3) -> int | None:
    """How many elements are in a container, and in those within it; None if it is none without a limit."""
    kind = type(value)
    if not issubclass(kind, _NESTED) or (issubclass(kind, deque) and value.maxlen is not None):
        return None
    if kind.__module__ not in {"builtins", "collections"}:
        return None  # what a class of its own holds may be limited
    size = len(value)
    if deep and size <= _WIDEST * 10:
        items = value.values() if issubclass(kind, dict) else value
        size += sum(size_of(item, deep - 1) or 0 for item in list(items))
    return size


def _slots(cls: type) -> Iterator[tuple[str, Any]]:
    for base in cls.__mro__:
        for name, slot in vars(base).items():
            kind = type(slot)
            if kind is MemberDescriptorType or (
                name == "__dict__" and kind is GetSetDescriptorType
            ):
                yield name, slot
            elif name == "__dict__":  # a proxy, which would ask what it stands for
                return

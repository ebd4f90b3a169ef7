"""Where an application holds the user's objects, other than in the modules of the user's code.

These places are found once. What they hold may change: it is read from them each time.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from types import CellType, FunctionType, MethodType
from typing import Any, NamedTuple

from wsdoctor.session.libraries import Root, is_walked
from wsdoctor.session.referrers import attributes
from wsdoctor.target.asgi import wrapped_by
from wsdoctor.target.framework import Declared
from wsdoctor.target.listing import inner_app
from wsdoctor.target.usercode import UserCode

STATE = "app.state"
"""The owner, in a Holder, of what the state of the outermost application holds."""

LIFESPAN_STATE = 'scope["state"]'
"""The owner, in a Holder, of what the lifespan yields."""

_MOST = 2000
"""Objects that are looked at to find the places."""


class Variable(NamedTuple):
    """A variable of a function that has returned, which a function in it keeps."""

    name: str
    owner: str
    file: str
    cell: CellType


class Roots:
    """The places in ``app`` from which objects of the user's may be reached.

    The ``states`` of the application and of those that are mounted below it, each with its owner in a
    Holder. The ``things`` of the user's in its middleware and plugins: instances and classes. The ``variables``
    that its handlers, their dependencies and its lifespans keep.
    """

    def __init__(self, app: object, user_code: UserCode) -> None:
        self._user_code = user_code
        self._names = frozenset(module.__name__ for module in user_code.modules())
        self._seen: set[int] = set()
        self.apps: list[tuple[str, object]] = []
        self.things: list[object] = []
        self._others: list[object] = []
        self.variables: list[Variable] = []
        self._walk(app, "")

    def states(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """What the states hold now."""
        for owner, app in self.apps:
            held = getattr(getattr(app, "state", None), "_state", None)
            if type(held) is dict:
                yield owner, held

    def others(self) -> Iterator[Root]:
        """What libraries have put around the application: their plugins and middleware."""
        for thing in self._others:
            owner = type(thing).__qualname__
            yield Root("attribute", "self", owner, "", thing)

    def _walk(self, app: object, path: str) -> None:
        self._look(app)
        found = inner_app(app)
        if found is None or any(found[1] is walked for _, walked in self.apps):
            return
        known, inner = found
        self.apps.append((f"{STATE} of {path or '/'}" if self.apps else STATE, inner))
        for part in known.parts(inner):
            self._look(part)
        for entry in known.routes(inner):
            if isinstance(entry, Declared):
                self._look(entry.handler)
            else:
                self._walk(entry.app, f"{path}{entry.path or entry.host}")

    def _look(self, part: object) -> None:
        """Find what ``part`` holds, a middleware or a function, and what is within it."""
        waiting = [part]
        while waiting and len(self._seen) < _MOST:
            thing = waiting.pop(0)
            if self._is_new(thing):
                waiting += self._within(thing)

    def _within(self, thing: Any) -> Iterator[object]:
        """The objects in ``thing`` that the search has to examine."""
        kind = type(thing)  # not isinstance(): it asks proxies for the class of what they stand for
        if issubclass(kind, FunctionType):
            yield from self._of_function(thing)
        elif issubclass(kind, MethodType):
            yield from (thing.__self__, thing.__func__)
        elif issubclass(kind, functools.partial):
            yield from (thing.func, *thing.args, *thing.keywords.values())
        elif issubclass(kind, type):
            if thing.__module__ in self._names:
                self.things.append(thing)
                yield from (it for it in vars(thing).values() if type(it) is FunctionType)
        elif kind.__module__ in self._names:
            self.things.append(thing)
            for _, value in attributes(thing):
                if callable(value) and not issubclass(type(value), type):
                    yield value
        else:
            if is_walked(thing, self._names):
                self._others.append(thing)
            yield from wrapped_by(thing)

    def _of_function(self, function: FunctionType) -> Iterator[object]:
        """The objects that ``function`` keeps, and that the search has to examine."""
        code = function.__code__
        users = self._user_code.is_user_code(code, function.__globals__)
        owner = code.co_qualname.rpartition(".<locals>")[0]
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            if users and self._is_new(cell):
                self.variables.append(Variable(name, owner, code.co_filename, cell))
            try:
                value = cell.cell_contents
            except ValueError:  # it has no value yet
                continue
            if callable(value) or (not users and self._is_users(value)):
                yield value
        if (wrapped := vars(function).get("__wrapped__")) is not None:
            yield wrapped

    def _is_users(self, thing: object) -> bool:
        """Whether ``thing`` is an instance of a class of the user's."""
        return type(thing).__module__ in self._names

    def _is_new(self, thing: object) -> bool:
        if id(thing) in self._seen:
            return False
        self._seen.add(id(thing))
        return True

"""What wsdoctor knows of each framework, one module each, imported once the user's code has it.

A user of one framework need not have the others, so nothing else in this package may import a
framework, and nothing here may import these modules but through ``frameworks()``.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wsdoctor.target.asgi import ASGIApp
    from wsdoctor.target.parameter import PathParameter

FrameworkName = Literal["litestar", "starlette", "fastapi"]
BareKind = Literal["handler", "listener"]

# The modules without which there is no app of the framework. Not the packages: Litestar imports
# `starlette.exceptions` if it can. FastAPI first: its app is a Starlette app as well.
_MODULES: dict[FrameworkName, str] = {
    "fastapi": "fastapi.routing",
    "starlette": "starlette.routing",
    "litestar": "litestar.app",
}


@dataclass(frozen=True, slots=True)
class Declared:
    """A WebSocket route as a framework has it. ``handler`` is the user's function or class.

    ``parameters`` has those whose values the path alone does not tell. ``form`` is what the handler is
    in its framework, by the name of the smallest correct application of that form, "" if none is known.
    """

    path: str
    handler: object
    form: str = ""
    parameters: Mapping[str, PathParameter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mounted:
    """Another ASGI app below ``path``; ``closed`` if its own paths do not tell how to reach it."""

    path: str
    app: object
    host: str = ""
    parameters: Mapping[str, PathParameter] = field(default_factory=dict)
    closed: bool = False


class Framework(Protocol):
    """What each of the modules here has."""

    NAME: FrameworkName

    def is_app(self, thing: object) -> bool:
        """Whether it is an app of this framework."""

    def routes(self, app: object) -> Iterator[Declared | Mounted]:
        """The WebSocket routes and the mounts of an app, in the order in which they are tried."""

    def parts(self, app: object) -> Iterator[object]:
        """The middleware, lifespans and plugins of a running app, and the dependencies of its WebSocket routes."""

    def bare_kind(self, thing: object) -> BareKind | None:
        """What ``thing`` is, if it is no app but can be wrapped into one."""

    def wrap(self, thing: object) -> ASGIApp:
        """A new app with nothing but ``thing`` in it."""

    def objection(self, thing: object) -> str | None:
        """Why this thing of this framework cannot be checked: "is an HTTP handler: …"."""


def frameworks() -> list[Framework]:
    """The frameworks that the user's code has imported."""
    return [framework(name) for name, module in _MODULES.items() if module in sys.modules]


def framework(name: FrameworkName) -> Framework:
    """The module for a framework that is known to be installed."""
    return cast("Framework", importlib.import_module(f"{__name__}.{name}"))


def framework_of(app: object) -> Framework | None:
    """The framework that ``app`` itself is an app of."""
    return next((known for known in frameworks() if known.is_app(app)), None)

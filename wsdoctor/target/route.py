"""WebSocket routes: how they are declared, chosen, and turned into a path to connect to."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from wsdoctor.target.errors import TargetError, did_you_mean, listed
from wsdoctor.target.parameter import DECLARED, PathParameter, declared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wsdoctor.recording.events import StackFrame

# RFC 3986, section 3.3: what a segment may hold as it is.
_SAFE = "-._~!$&'()*+,;=:@"


@dataclass(frozen=True, slots=True)
class Route:
    """A WebSocket route.

    ``path`` is as the app declares it, below its mounts. ``handler`` is where the user's function
    or class is, None if it has no source. ``host`` is the pattern that the Host header has to
    match, if there is one. An ``opaque`` route stands for an app that cannot be looked into: it
    may take any path below its own, or no WebSocket at all. ``form`` is what the handler is in its
    framework: ``litestar-listener``, "" if that is not known.
    """

    path: str
    handler: StackFrame | None = None
    handler_name: str = ""
    parameters: tuple[PathParameter, ...] = ()
    host: str = ""
    opaque: bool = False
    form: str = ""

    @property
    def params(self) -> tuple[str, ...]:
        """The names of the parameters in the path, and in the host pattern."""
        return tuple(parameter.name for parameter in self.parameters)


def concrete_path(route: Route, values: Mapping[str, str]) -> str:
    """The path to connect to, percent-encoded; what ``values`` lacks gets an example's value."""
    return _fill(route.path, route, values)


def concrete_host(route: Route, values: Mapping[str, str]) -> str:
    """The Host header that reaches ``route``; "" if any does."""
    return _fill(route.host, route, values)


def check_params(routes: tuple[Route, ...], values: Mapping[str, str]) -> None:
    """Raise TargetError for a name in ``values`` that is a parameter of none of ``routes``."""
    known = {name for route in routes for name in route.params}
    for name in values:
        if name not in known:
            there = f"there are {', '.join(sorted(known))}" if known else "they have none"
            raise TargetError(f"no route has a path parameter '{name}': {there}")


def check_own_params(routes: tuple[Route, ...], own: Mapping[str, Mapping[str, str]]) -> None:
    """Raise TargetError if a path of ``own`` is none of ``routes``, or has no such parameters.

    An opaque route may take any path.
    """
    known = {route.path: route for route in routes}
    for path, values in own.items():
        if path in known:
            check_params((known[path],), values)
        elif not any(route.opaque for route in routes):
            there = did_you_mean(path, known) or f": there are {listed(known)}"
            raise TargetError(
                f"the settings name a route '{path}' that the application has not{there}"
            )


def select_routes(
    routes: tuple[Route, ...], wanted: tuple[str, ...], mounts: tuple[Route, ...] = ()
) -> tuple[Route, ...]:
    """The routes that ``wanted`` names, in that order; all of ``routes`` if it names none.

    Each is a path as declared, or a concrete one that a declared path matches: then the route comes
    back with those values for its parameters. What only one of ``mounts``, or an opaque route,
    takes comes back as a route of its own.

    Raises:
        TargetError: a path fits no route.
    """
    if not wanted:
        return routes
    selected: dict[Route, None] = {}
    for path in wanted:
        selected.update(dict.fromkeys(_select(routes, path, mounts)))
    return tuple(selected)


def _select(routes: tuple[Route, ...], wanted: str, mounts: tuple[Route, ...]) -> list[Route]:
    if "?" in wanted:
        raise TargetError(f"path '{wanted}' has a query: give that with --query")
    # Git's shell on Windows turns "/ws" into a path of its own, so "ws" is taken as well.
    path = wanted if wanted.startswith("/") else f"/{wanted}"
    if same := [route for route in routes if route.path == path and not route.opaque]:
        return same
    # A fixed segment beats a parameter, as in the routers themselves.
    for route in sorted(routes, key=lambda route: len(route.parameters)):
        if not route.opaque and (values := values_in(route, path)) is not None:
            return [_with_examples(route, values)]
    for route in (*routes, *mounts):
        below = route.path.rstrip("/")
        if route.opaque and (path == below or path.startswith(f"{below}/")):
            return [replace(route, path=unquote(path), opaque=False)]
    known = [route.path for route in routes]
    hint = did_you_mean(path, known)
    there = f"the routes are {listed(known)}" if known else "the app has no WebSocket route"
    raise TargetError(f"there is no WebSocket route '{wanted}'{hint or ':'} {there}")


def values_in(route: Route, path: str) -> dict[str, str] | None:
    """The values that ``path`` has for the parameters of ``route``; None if it does not match."""
    names: list[str] = []

    def group(parameter: PathParameter) -> str:
        names.append(parameter.name)
        return f"({parameter.pattern})"

    matched = re.fullmatch(_substitute(route.path, route, group, re.escape), unquote(path))
    return dict(zip(names, matched.groups(), strict=True)) if matched else None


def _with_examples(route: Route, values: Mapping[str, str]) -> Route:
    parameters = (
        replace(parameter, example=values.get(parameter.name, parameter.example))
        for parameter in route.parameters
    )
    return replace(route, parameters=tuple(parameters))


def _fill(pattern: str, route: Route, values: Mapping[str, str]) -> str:
    def value(parameter: PathParameter) -> str:
        safe = f"{_SAFE}/" if parameter.kind == "path" else _SAFE
        return quote(values.get(parameter.name, parameter.example), safe=safe)

    return _substitute(pattern, route, value, lambda text: quote(text, safe=f"{_SAFE}/"))


def _substitute(
    pattern: str,
    route: Route,
    parameter: Callable[[PathParameter], str],
    fixed: Callable[[str], str],
) -> str:
    known = {known.name: known for known in route.parameters}
    parts: list[str] = []
    end = 0
    for found in DECLARED.finditer(pattern):
        parts += (fixed(pattern[end : found.start()]), parameter(*declared(found[0], known)))
        end = found.end()
    return "".join((*parts, fixed(pattern[end:])))

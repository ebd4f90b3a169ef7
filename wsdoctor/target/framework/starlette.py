"""Starlette: its apps and routers, their mounts and hosts."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, cast

from starlette.applications import Starlette
from starlette.convertors import CONVERTOR_TYPES
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.routing import BaseRoute, Host, Mount, Router, WebSocketRoute

from wsdoctor.target.framework import BareKind, Declared, FrameworkName, Mounted
from wsdoctor.target.parameter import DECLARED, EXAMPLES, PathParameter, matching

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wsdoctor.target.asgi import ASGIApp

NAME: FrameworkName = "starlette"


def is_app(thing: object) -> bool:
    return isinstance(thing, Starlette | Router)


def routes(app: object) -> Iterator[Declared | Mounted]:
    for route in cast("Router", app).routes:
        yield from declared(route)


def parts(app: object) -> Iterator[object]:
    yield from around(app)
    for route in cast("Router", app).routes:
        if isinstance(route, WebSocketRoute):
            yield route.app


def around(app: object) -> Iterator[object]:
    """The middleware and the lifespan of ``app``, or of the router that it has."""
    for each in (app, getattr(app, "router", None)):
        yield getattr(each, "middleware_stack", None)
        yield getattr(each, "lifespan_context", None)


def declared(route: BaseRoute, effective: Any = None) -> Iterator[Declared | Mounted]:
    """What one route declares; nothing if it is for HTTP alone.

    ``effective`` has the attributes of ``route`` as they come to where it is included.
    """
    known: Any = effective or route
    if isinstance(route, WebSocketRoute):
        yield Declared(
            known.path,
            known.endpoint,
            "starlette-endpoint" if _is_endpoint(known.endpoint) else "starlette",
            converted(known.path),
        )
    elif isinstance(route, Mount):
        yield Mounted(known.path, known.app, parameters=converted(known.path))
    elif isinstance(route, Host):
        yield Mounted("", known.app, host=known.host, parameters=converted(known.host))


def _is_endpoint(thing: object) -> bool:
    return inspect.isclass(thing) and issubclass(thing, WebSocketEndpoint)


def converted(path: str) -> Mapping[str, PathParameter]:
    """The parameters of ``path`` with a converter that the user registered."""
    return {
        name: matching(name, kind, CONVERTOR_TYPES[kind].regex)
        for name, kind in DECLARED.findall(path)
        if kind in CONVERTOR_TYPES and kind not in EXAMPLES
    }


def bare_kind(thing: object) -> BareKind | None:  # noqa: ARG001 - part of the protocol
    # A handler says nothing of the middleware, exception handlers and state that it needs.
    return None


def wrap(thing: object) -> ASGIApp:
    msg = f"bare_kind() says of nothing that it stands alone, and so not of {thing!r}"
    raise TypeError(msg)


def objection(thing: object) -> str | None:
    if isinstance(thing, BaseRoute):
        return "is a route: give the app that it is in"
    if inspect.isclass(thing) and issubclass(thing, WebSocketEndpoint | HTTPEndpoint):
        return "is an endpoint class: give the Starlette app that routes to it"
    if inspect.isclass(thing) and issubclass(thing, Starlette | Router):
        return f"is the class {thing.__name__}: give an instance of it"
    return None

"""Litestar: its apps, its handlers, its listeners and their ``connection_lifespan``."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, cast

from litestar import Controller, Litestar, Router
from litestar.handlers import (
    ASGIRouteHandler,
    HTTPRouteHandler,
    WebsocketListener,
    WebsocketRouteHandler,
    websocket_listener,
)
from litestar.routes import ASGIRoute, WebSocketRoute

from wsdoctor.target.asgi import parameters_of
from wsdoctor.target.framework import BareKind, Declared, FrameworkName, Mounted
from wsdoctor.target.parameter import PathParameter, annotated
from wsdoctor.target.source import unwrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wsdoctor.target.asgi import ASGIApp

NAME: FrameworkName = "litestar"


def is_app(thing: object) -> bool:
    return isinstance(thing, Litestar)


def routes(app: object) -> Iterator[Declared | Mounted]:
    for route in _in_order(cast("Router", app).routes):
        if isinstance(route, WebSocketRoute):
            handler = route.route_handler
            function = _function(handler)
            yield Declared(route.path, function, _form(handler, function), dict(_choices(handler)))
        elif isinstance(route, ASGIRoute) and not route.route_handler.is_static:
            # Litestar hands on the path with a slash at its end, so the routes of the app below
            # do not tell how to reach them.
            yield Mounted(route.path, route.route_handler.fn, closed=True)


def parts(app: object) -> Iterator[object]:
    running: Any = app
    yield running.asgi_handler
    yield from getattr(running, "_lifespan_managers", ())
    yield from running.plugins
    for route in running.routes:
        if isinstance(route, WebSocketRoute):
            for provider in route.route_handler.resolve_dependencies().values():
                yield provider.dependency
    # Each route has middleware of its own, which only the tree of all paths has.
    waiting = [running.asgi_router.root_route_map_node]
    while waiting:
        node = waiting.pop()
        waiting += node.children.values()
        if (found := node.asgi_handlers.get("websocket")) is not None:
            yield found.asgi_app


def bare_kind(thing: object) -> BareKind | None:
    if is_app(thing):  # which is a router, too
        return None
    if isinstance(thing, WebsocketRouteHandler):
        return None if _is_method(thing) else "handler"
    if _is_subclass(thing, WebsocketListener):
        return None if inspect.isabstract(thing) else "listener"
    if _is_subclass(thing, Controller) or isinstance(thing, Router):
        return "handler" if _has_websocket(thing) else None
    return None


def wrap(thing: object) -> ASGIApp:
    # No OpenAPI: a handler is checked for its WebSocket alone, and the schema may not even build.
    return cast("ASGIApp", Litestar([cast("Any", thing)], openapi_config=None))


def objection(thing: object) -> str | None:
    if isinstance(thing, HTTPRouteHandler):
        return "is an HTTP handler: wsdoctor checks WebSocket handlers, give one of those"
    if isinstance(thing, ASGIRouteHandler):
        return "is an @asgi handler: give the ASGI app in it, or the app that it is registered on"
    if isinstance(thing, WebsocketRouteHandler):
        return "is a method of its class: give the class, or the app that it is registered on"
    if any(thing is base for base in (Litestar, Router, Controller, WebsocketListener)):
        return "is a class of Litestar's own: give your instance or subclass of it"
    if _is_subclass(thing, WebsocketListener):
        return "is abstract: give a WebsocketListener with an on_receive() method"
    if _is_subclass(thing, Controller) or isinstance(thing, Router):
        return "has no WebSocket route: give a controller, router or app that has one"
    return None


def wrap_lifespan(lifespan: object) -> ASGIApp:
    """A new app whose only listener echoes text and has ``lifespan`` as connection_lifespan."""

    # Not a plain function: Litestar would run that in a thread, and with a warning.
    async def echo(data: str) -> str:
        return data

    # The signature, not this module, tells Litestar the types: annotations are strings here.
    echo.__annotations__ = {"data": str, "return": str}
    handler = websocket_listener("/", connection_lifespan=cast("Any", lifespan))(echo)
    return wrap(handler)


def _in_order(routes: list[Any]) -> list[Any]:
    """``routes`` as they were registered, those of one handler sorted.

    Litestar keeps the paths of a handler in a set, whose order is another one in each process.
    """
    registered: dict[int, int] = {}
    for index, route in enumerate(routes):
        registered.setdefault(id(getattr(route, "route_handler", route)), index)

    def place(route: Any) -> tuple[int, str]:
        return registered[id(getattr(route, "route_handler", route))], route.path

    return sorted(routes, key=place)


def _function(handler: WebsocketRouteHandler) -> object:
    """The user's function: of a listener its callback, which Litestar wraps twice."""
    function: object = handler.fn
    for name in ("_fn", "func"):  # ListenerHandler, then AsyncCallable if it is no coroutine
        if not inspect.isroutine(function):
            function = getattr(function, name, function)
    return function


def _form(handler: WebsocketRouteHandler, function: object) -> str:
    if not inspect.isroutine(handler.fn):  # a listener's callback is wrapped
        owner = getattr(function, "__self__", None)
        return f"litestar-listener{'-class' if isinstance(owner, WebsocketListener) else ''}"
    # Litestar has no public name for the class that `websocket_stream` makes.
    return "litestar" if type(handler) is WebsocketRouteHandler else "litestar-stream"


def _choices(handler: WebsocketRouteHandler) -> Iterator[tuple[str, PathParameter]]:
    """What the handler's annotations say beyond the path: "{kind:str}" may be an enumeration."""
    for name, parameter in handler.parsed_fn_signature.parameters.items():
        found = annotated(name, parameter.annotation)
        if found and found.kind == "choice":
            yield name, found


def _has_websocket(thing: object) -> bool:
    if isinstance(thing, Router):
        return any(isinstance(route, WebSocketRoute) for route in thing.routes)
    members = (inspect.getattr_static(thing, name, None) for name in dir(thing))
    return any(isinstance(member, WebsocketRouteHandler) for member in members)


def _is_method(handler: WebsocketRouteHandler) -> bool:
    function = unwrap(_function(handler))
    parameters = parameters_of(function) if inspect.isfunction(function) else None
    return any(parameter.name == "self" for parameter in parameters or ())


def _is_subclass(thing: object, base: type) -> bool:
    return inspect.isclass(thing) and issubclass(thing, base) and thing is not base

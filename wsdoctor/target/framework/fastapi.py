"""FastAPI: its apps and routers, and what its handlers' annotations say of path parameters."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import fastapi.routing
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIWebSocketRoute

from wsdoctor.target.framework import BareKind, Declared, FrameworkName, Mounted
from wsdoctor.target.framework.starlette import around, declared
from wsdoctor.target.parameter import PathParameter, annotated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.routing import BaseRoute

    from wsdoctor.target.asgi import ASGIApp

NAME: FrameworkName = "fastapi"


def is_app(thing: object) -> bool:
    return isinstance(thing, FastAPI | APIRouter)


def routes(app: object) -> Iterator[Declared | Mounted]:
    for route, effective in _every_route(app):
        for found in declared(route, effective):
            known = {**dict(_annotated(getattr(effective, "dependant", None))), **found.parameters}
            if isinstance(found, Declared) and isinstance(route, APIWebSocketRoute):
                yield replace(found, parameters=known, form="fastapi")
            else:
                yield replace(found, parameters=known)


def parts(app: object) -> Iterator[object]:
    yield from around(app)
    for route, effective in _every_route(app):
        if isinstance(route, APIWebSocketRoute):
            yield getattr(effective, "app", None) or route.app
            yield from _called(getattr(effective, "dependant", None))


def bare_kind(thing: object) -> BareKind | None:
    return "handler" if isinstance(thing, APIRouter) else None


def wrap(thing: object) -> ASGIApp:
    # Before 0.121 a router on its own lacks the exit stacks that its dependencies need.
    app = FastAPI(openapi_url=None)
    app.include_router(cast("APIRouter", thing))
    return cast("ASGIApp", app)


def objection(thing: object) -> str | None:
    if inspect.isclass(thing) and issubclass(thing, FastAPI | APIRouter):
        return f"is the class {thing.__name__}: give an instance of it"
    return None


def _every_route(app: object) -> Iterator[tuple[BaseRoute, Any]]:
    """Each route, and what has its path and app with the prefixes of the routers it is in.

    FastAPI used to copy the routes of an included router. Now it keeps the router, and
    ``iter_route_contexts()`` says what its routes come to.
    """
    routes = cast("APIRouter", app).routes
    contexts = getattr(fastapi.routing, "iter_route_contexts", None)
    if contexts is None:
        yield from ((route, route) for route in routes)
    else:
        yield from ((context.original_route, context) for context in contexts(routes))


def _called(dependant: Any) -> Iterator[object]:
    """The dependencies of a handler, and theirs."""
    for inner in getattr(dependant, "dependencies", ()):
        yield inner.call
        yield from _called(inner)


def _annotated(dependant: Any) -> Iterator[tuple[str, PathParameter]]:
    """The path parameters of a handler and of its dependencies, by their annotations."""
    for inner in getattr(dependant, "dependencies", ()):
        yield from _annotated(inner)
    for field in getattr(dependant, "path_params", ()):
        parameter = annotated(field.alias, getattr(field.field_info, "annotation", None))
        if parameter:
            examples = getattr(field.field_info, "examples", None)
            yield (
                field.alias,
                replace(parameter, example=str(examples[0])) if examples else parameter,
            )

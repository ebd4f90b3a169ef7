"""Listing the WebSocket routes of an app, through its middleware and its mounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wsdoctor.target.asgi import chain
from wsdoctor.target.framework import Declared, Framework, Mounted, framework_of
from wsdoctor.target.parameter import declared
from wsdoctor.target.route import Route
from wsdoctor.target.source import frame_of, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wsdoctor.target.parameter import PathParameter
    from wsdoctor.target.usercode import UserCode

# Mounts may lead in a circle through a router that dispatches to itself.
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an app is mounted."""

    path: str = ""
    host: str = ""
    parameters: Mapping[str, PathParameter] = field(default_factory=dict)
    depth: int = 0

    def below(self, mounted: Mounted) -> _Place:
        return _Place(
            _join(self.path, mounted.path) if mounted.path else self.path,
            mounted.host or self.host,
            {**self.parameters, **mounted.parameters},
            self.depth + 1,
        )


def inner_app(app: object) -> tuple[Framework, object] | None:
    """The first app of a known framework within ``app`` and its middleware, itself included."""
    for candidate in chain(app):
        if known := framework_of(candidate):
            return known, candidate
    return None


def list_routes(app: object, user_code: UserCode) -> tuple[Route, ...]:
    """Every WebSocket route of ``app``; what cannot be looked into is an opaque route."""
    return tuple(_walk(app, _Place(), user_code))


def _walk(app: object, place: _Place, user_code: UserCode) -> Iterator[Route]:
    found = inner_app(app)
    if found is None or place.depth > _DEEPEST:
        if not _is_static_files(app):
            yield _route(Declared("", app, "asgi"), place, user_code, opaque=True)
        return
    known, inner = found
    for entry in known.routes(inner):
        if isinstance(entry, Declared):
            yield _route(entry, place, user_code)
        elif entry.closed:
            yield _route(Declared(entry.path, entry.app), place, user_code, opaque=True)
        else:
            yield from _walk(entry.app, place.below(entry), user_code)


def _route(entry: Declared, place: _Place, user_code: UserCode, *, opaque: bool = False) -> Route:
    path = _join(place.path, entry.path) if entry.path else place.path or "/"
    known = {**place.parameters, **entry.parameters}
    return Route(
        path=path,
        handler=frame_of(entry.handler, user_code),
        handler_name=name_of(entry.handler),
        parameters=tuple(declared(place.host + path, known)),
        host=place.host,
        opaque=opaque,
        form=entry.form,
    )


def _join(prefix: str, path: str) -> str:
    return prefix.rstrip("/") + (path if path.startswith("/") else f"/{path}")


def _is_static_files(app: object) -> bool:
    """Files are served over HTTP alone, and nearly every app has such a mount."""
    return any(base.__name__ == "StaticFiles" for base in type(app).__mro__)

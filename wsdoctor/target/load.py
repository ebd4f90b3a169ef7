"""From what the user gave to an app that can be served, and the routes in it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from wsdoctor.target.address import Address, TargetSpec, parse
from wsdoctor.target.attribute import attribute, only_attribute
from wsdoctor.target.discovery import VARIABLE, discover
from wsdoctor.target.errors import TargetError, TargetImportError
from wsdoctor.target.framework import FrameworkName
from wsdoctor.target.given import Given, Kind, subject_of
from wsdoctor.target.listing import inner_app, list_routes
from wsdoctor.target.modules import Imported, import_place, roots_of_file
from wsdoctor.target.paths import absolute
from wsdoctor.target.source import frame_of, name_of
from wsdoctor.target.usercode import UserCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsdoctor.target.asgi import ASGIApp
    from wsdoctor.target.route import Route


@dataclass(frozen=True, slots=True)
class Target:
    """The application to check.

    ``spec`` is its full specification: "app:app" if nothing, or only "app", was given.
    ``framework`` is the framework of the app within all middleware, "asgi" if it is unknown.
    ``routes`` are the WebSocket routes. ``mounts`` are other apps within it, whose routes are unknown:
    they may have WebSocket routes, so wsdoctor checks them only if the user chooses them.
    """

    spec: str
    kind: Kind
    framework: FrameworkName | Literal["asgi"]
    routes: tuple[Route, ...]
    user_code: UserCode
    mounts: tuple[Route, ...] = ()
    _build: Callable[[], ASGIApp] = field(kw_only=True, repr=False, compare=False)

    def build(self) -> ASGIApp:
        """The app: a new one for every kind but "app", which is always the user's own object.

        Raises:
            TargetImportError: the user's factory raised.
        """
        return self._build()


def load(spec: TargetSpec) -> Target:
    """The target that ``spec`` means, imported, and built once to list its routes.

    The folder of the module is put first on ``sys.path`` and stays there, for what the handlers
    import when they run.

    Raises:
        TargetError: there is no such thing, or it cannot be checked.
        TargetImportError: the user's code raised.
    """
    if spec.spec.strip():
        return _target(spec, *_locate(spec.spec, spec.app_dir))
    given = os.environ.get(VARIABLE, "").strip()
    if not given:
        return _target(spec, *discover(spec.app_dir))
    try:
        return _target(spec, *_locate(given, spec.app_dir))
    except TargetImportError:
        raise
    except TargetError as error:
        raise TargetError(f"{error} ({VARIABLE} says '{given}')") from error


def adopt(thing: object, file: str) -> Target:
    """The target that ``thing``, an object of the caller's, is; ``file`` is the caller's file.

    Nothing is imported. The file, and the package it is in, are the user's code.

    Raises:
        TargetError: it cannot be checked.
        TargetImportError: it is a factory, and raised.
    """
    user_code = UserCode(roots_of_file(absolute(file)))
    name = name_of(thing)
    return _listed(subject_of(thing, name, False, user_code), name, user_code)


def _target(spec: TargetSpec, address: Address, imported: Imported) -> Target:
    user_code = imported.user_code
    thing = attribute(imported.module, address.attribute, address.place, user_code)
    subject = subject_of(thing, address.spec, spec.factory or address.called, user_code)
    return _listed(subject, address.spec, user_code)


def _listed(subject: Given, name: str, user_code: UserCode) -> Target:
    app = subject.build()
    inner = inner_app(app)
    routes = list_routes(app, user_code)
    if subject.handler is not None:
        routes = tuple(_handled_by(route, subject, user_code) for route in routes)
    return Target(
        spec=name,
        kind=subject.kind,
        framework=inner[0].NAME if inner else "asgi",
        # The routes of this app are unknown, but it has to be checked.
        routes=tuple(route for route in routes if not (inner and route.opaque)),
        user_code=user_code,
        mounts=tuple(route for route in routes if inner and route.opaque),
        _build=subject.build,
    )


def _locate(text: str, app_dir: str | None) -> tuple[Address, Imported]:
    address = parse(text)
    imported = import_place(address, app_dir)
    if not address.attribute:
        address = replace(address, attribute=only_attribute(imported.module, address.place))
    return address, imported


def _handled_by(route: Route, subject: Given, user_code: UserCode) -> Route:
    """``route`` with the user's own function for the handler that wsdoctor put around it."""
    return replace(
        route,
        handler=frame_of(subject.handler, user_code),
        handler_name=name_of(subject.handler),
    )

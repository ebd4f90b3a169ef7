"""What an object of the user's is: an app, a factory of one, or something to wrap into one."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Literal, cast

from wsdoctor.target.asgi import is_asgi2, is_asgi3, is_wsgi, parameters_of, required, signature_of
from wsdoctor.target.errors import TargetError, run_user_code
from wsdoctor.target.framework import Framework, framework, framework_of, frameworks
from wsdoctor.target.lifespan import is_lifespan, lifespan_objection
from wsdoctor.target.source import unwrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsdoctor.target.asgi import ASGIApp
    from wsdoctor.target.usercode import UserCode

Kind = Literal["app", "factory", "handler", "listener", "lifespan"]

ACCEPTED = (
    "give a Litestar, Starlette or FastAPI app, another ASGI app, a Litestar WebSocket handler, "
    "a WebsocketListener, Controller or Router, a connection_lifespan function, "
    "or with --factory a function that returns an app"
)

_FACTORY_NAME = re.compile(r"(^|_)(app|application|asgi|factory)(_|$)")
_APP_TYPES = frozenset(
    {"Litestar", "Starlette", "FastAPI", "ASGIApp", "ASGIApplication", "ASGI3Application"}
)


@dataclass(frozen=True, slots=True)
class Given:
    """``build`` gives a new app at every call, unless the user gave an app.

    ``handler`` is what the user gave, where the app around it is not the user's.
    """

    kind: Kind
    build: Callable[[], ASGIApp]
    handler: object = None


def kind_of(thing: object) -> Kind | None:
    """What ``thing`` is, without calling anything of the user's; None if it cannot be checked."""
    if isinstance(thing, ModuleType):
        return None
    if (bare := _bare(thing)) is not None:
        return bare[1]
    if framework_of(thing) is not None:
        return "app"
    if is_lifespan(thing):
        return "lifespan"
    if _objection(thing) is not None:
        return None
    if is_asgi3(thing):
        return "app"
    return "factory" if _looks_like_factory(thing) else None


def promises_app(function: object) -> bool:
    """Whether the annotation of a function says that it returns an app."""
    signature = signature_of(function) if isinstance(function, FunctionType) else None
    if signature is None or required(list(signature.parameters.values())):
        return False
    annotation = signature.return_annotation
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return name.rpartition(".")[2] in _APP_TYPES


def subject_of(thing: object, name: str, factory: bool, user_code: UserCode) -> Given:  # noqa: FBT001 - the user's own flag
    """How to build the app of ``thing``; ``name`` is its spec, and ``factory`` what the user said.

    Raises:
        TargetError: it cannot be checked.
    """
    kind = kind_of(thing)
    if factory or kind == "factory":
        return _factory(thing, name, kind, user_code)
    if kind == "app":
        return Given("app", lambda: cast("ASGIApp", thing))
    if kind == "lifespan":
        return Given("lifespan", _wrapping(_lifespan_app(thing, name), name), thing)
    if kind is not None and (bare := _bare(thing)) is not None:
        return Given(kind, _wrapping(lambda: bare[0].wrap(thing), name))
    raise TargetError(f"'{name}' {objection(thing)}")


def objection(thing: object) -> str:
    """Why ``thing`` cannot be checked and what to give instead: "is a str: …"."""
    if isinstance(thing, ModuleType):
        return f"is a module: give an app in it, '{thing.__name__}:app', say"
    if said := _objection(thing):
        return said
    if is_wsgi(thing):
        return f"is a WSGI app, which has no WebSockets: {ACCEPTED}"
    if is_asgi2(thing):
        return (
            "is an ASGI 2 app, called with the scope alone: "
            "wrap it with asgiref.compatibility.guarantee_single_callable()"
        )
    if isinstance(thing, FunctionType):
        names = ", ".join(p.name for p in required(parameters_of(thing) or []))
        if not names:
            return (
                f"is a function without arguments: is it a factory? add --factory, else {ACCEPTED}"
            )
        return (
            f"is a function that takes ({names}): "
            f"if it is a handler, give the app that it is registered on, else {ACCEPTED}"
        )
    if inspect.isclass(thing):
        return f"is the class {thing.__qualname__}: {ACCEPTED}"
    return f"is {_article(type(thing).__qualname__)}: {ACCEPTED}"


def _factory(thing: object, name: str, kind: Kind | None, user_code: UserCode) -> Given:
    if kind is not None and kind != "factory":
        what = (
            "already an app" if kind == "app" else f"a {kind}, not a function that returns an app"
        )
        raise TargetError(f"'{name}' is {what}: drop --factory")
    if not callable(thing):
        raise TargetError(
            f"'{name}' is {_article(type(thing).__qualname__)}, not a factory: {ACCEPTED}"
        )
    if inspect.iscoroutinefunction(unwrap(thing)):
        raise TargetError(
            f"'{name}' is an async factory: give a plain function that returns the app"
        )
    if missing := ", ".join(p.name for p in required(parameters_of(thing) or [])):
        raise TargetError(
            f"'{name}' is a factory that needs arguments ({missing}): "
            "give a function that can be called without any"
        )
    call = cast("Callable[[], object]", thing)

    def build() -> ASGIApp:
        app = run_user_code(call, f"calling '{name}()'", user_code)
        if inspect.iscoroutine(app):
            app.close()
            raise TargetError(
                f"'{name}' returned a coroutine: give a plain function that returns the app"
            )
        if framework_of(app) is None and not is_asgi3(app):
            raise TargetError(
                f"'{name}' returned {_article(type(app).__qualname__)}, which is no ASGI app"
            )
        return cast("ASGIApp", app)

    return Given("factory", build)


def _lifespan_app(lifespan: object, name: str) -> Callable[[], ASGIApp]:
    try:
        litestar: Any = framework("litestar")
    except ModuleNotFoundError:
        raise TargetError(
            f"'{name}' is a connection_lifespan, but Litestar is not installed: install litestar"
        ) from None
    return lambda: cast("ASGIApp", litestar.wrap_lifespan(lifespan))


def _wrapping(build: Callable[[], ASGIApp], name: str) -> Callable[[], ASGIApp]:
    """``build``, with what the framework objects to in ``name`` said as a TargetError."""

    def build_or_say() -> ASGIApp:
        try:
            return build()
        except Exception as error:
            reason, *_ = str(error).splitlines() or [""]
            raise TargetError(
                f"'{name}' cannot be registered on an app of its own "
                f"({type(error).__name__}: {reason}): give the app that it belongs to"
            ) from error

    return build_or_say


def _bare(thing: object) -> tuple[Framework, Kind] | None:
    for known in frameworks():
        if kind := known.bare_kind(thing):
            return known, kind
    return None


def _objection(thing: object) -> str | None:
    said = (known.objection(thing) for known in frameworks())
    return next((text for text in said if text), None) or lifespan_objection(thing)


def _looks_like_factory(thing: object) -> bool:
    # The function is only called, so an async one, or one with arguments, gets an error message.
    if not isinstance(thing, FunctionType) or inspect.isasyncgenfunction(thing):
        return False
    if required(parameters_of(thing) or []):
        return False
    return promises_app(thing) or bool(_FACTORY_NAME.search(thing.__name__))


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"

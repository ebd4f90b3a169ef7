"""What an ASGI application looks like from outside, and the application within its middleware."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_ARGUMENTS = 3

# Where middleware keeps the app it wraps; the last is python-socketio's.
_INNER = ("app", "_app", "asgi_app", "other_asgi_app")


def signature_of(thing: object) -> inspect.Signature | None:
    """How ``thing`` is called; None if it cannot be, or does not say. Annotations may be text."""
    if not callable(thing):
        return None
    try:
        # Since 3.14 (PEP 649) annotations are evaluated when they are asked for, and may name what
        # is imported for type checkers alone.
        if sys.version_info >= (3, 14):
            import annotationlib  # noqa: PLC0415 - new in 3.14

            return inspect.signature(thing, annotation_format=annotationlib.Format.STRING)
        else:  # noqa: RET505 - else mypy finds it unreachable on 3.14
            return inspect.signature(thing)
    except (TypeError, ValueError):
        return None


def parameters_of(thing: object) -> list[inspect.Parameter] | None:
    """The parameters that ``thing`` is called with; None if it is not called, or does not say."""
    signature = signature_of(thing)
    return None if signature is None else list(signature.parameters.values())


def required(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    """Those that a call has to give."""
    return [
        parameter
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    ]


def is_asgi3(thing: object) -> bool:
    """Whether ``thing`` is called with (scope, receive, send) and awaited."""
    parameters = parameters_of(thing)
    if parameters is None or any(p.kind is p.KEYWORD_ONLY for p in required(parameters)):
        return False
    positional = [p for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    needed = required(positional)
    any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if len(needed) > _ARGUMENTS or (len(positional) < _ARGUMENTS and not any_number):
        return False
    if [p.name for p in positional[:_ARGUMENTS]] == ["scope", "receive", "send"]:
        # A class is one if its instances are awaited, as Starlette's endpoints are.
        return not inspect.isclass(thing) or hasattr(thing, "__await__")
    # Other names, say (s, r, s), are no proof; that all three are needed and it is awaited, is.
    return _is_awaited(thing) and (len(needed) == _ARGUMENTS or (any_number and not needed))


def is_asgi2(thing: object) -> bool:
    """Whether ``thing`` is called with the scope alone, as ASGI 2 applications were."""
    parameters = parameters_of(thing)
    return parameters is not None and [p.name for p in required(parameters)] == ["scope"]


def is_wsgi(thing: object) -> bool:
    """Whether ``thing`` is called with (environ, start_response)."""
    names = [p.name for p in required(parameters_of(thing) or [])]
    return names == ["environ", "start_response"]


def chain(app: object) -> Iterator[object]:
    """``app``, then the app within it, and so on to the innermost that can be found."""
    seen: set[int] = set()
    waiting = [app]
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += _within(current)


def _within(app: object) -> list[object]:
    found: list[object] = []
    if inspect.isfunction(app):
        # Middleware in the form of a function keeps its app in the function's closure.
        for cell in app.__closure__ or ():
            with suppress(ValueError):  # the cell is empty
                found.append(cell.cell_contents)
    else:
        found += wrapped_by(app)
    return [thing for thing in found if is_asgi3(thing)]


def wrapped_by(middleware: object) -> Iterator[object]:
    """What an instance of a middleware class keeps where the app that it wraps should be."""
    # Not getattr: properties and `__getattr__` of the user's own must not run.
    for name in _INNER:
        if _may_have(middleware, name):
            field = inspect.getattr_static(middleware, name, None)
            is_slot = inspect.ismemberdescriptor(field)
            yield getattr(middleware, name, None) if is_slot else field


def _may_have(thing: object, name: str) -> bool:
    """Whether it has such an attribute, in doubt yes: ``getattr_static`` is slow for all objects of an app."""
    if isinstance(thing, type):
        return True
    try:
        own = object.__getattribute__(thing, "__dict__")
    except AttributeError:  # all its attributes are slots
        own = {}
    if name in own:
        return True
    for cls in type(thing).__mro__:  # noqa: SIM110 - any() is twice as slow, and this is asked often
        if name in cls.__dict__:
            return True
    return False


def _is_awaited(thing: object) -> bool:
    return inspect.iscoroutinefunction(thing) or inspect.iscoroutinefunction(
        getattr(type(thing), "__call__", None)  # noqa: B004 - the method itself, not whether
    )

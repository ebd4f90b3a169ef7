"""Finding the object that a target means within its module."""

from __future__ import annotations

from contextlib import suppress
from types import FunctionType
from typing import TYPE_CHECKING, Any

from wsdoctor.target.errors import TargetError, did_you_mean, listed, run_user_code
from wsdoctor.target.framework import framework_of
from wsdoctor.target.given import ACCEPTED, Kind, kind_of, promises_app
from wsdoctor.target.source import unwrap

if TYPE_CHECKING:
    from types import ModuleType

    from wsdoctor.target.usercode import UserCode

# What in a module is likelier to be meant, when the user does not say.
KNOWN_APP, OTHER_APP, FACTORY, HANDLER, LIFESPAN = range(5)

_USUAL_APPS = ("app", "application")
_USUAL_FACTORY = "create_app"


def attribute(module: ModuleType, dotted: str, place: str, user_code: UserCode) -> object:
    """What ``dotted`` is in ``module``; ``place`` is how the user calls the module.

    Raises:
        TargetError: there is no such attribute.
        TargetImportError: the module's own ``__getattr__``, or a property, raised.
    """
    thing: object = module
    owner = place
    for part in dotted.split("."):
        inside = thing

        def get(inside: object = inside, part: str = part) -> Any:
            return getattr(inside, part, _MISSING)

        thing = run_user_code(get, f"getting '{part}' of '{owner}'", user_code)
        if thing is _MISSING:
            raise TargetError(_no_attribute(module, inside, part, owner))
        owner = f"{owner}:{part}" if inside is module else f"{owner}.{part}"
    return thing


def only_attribute(module: ModuleType, place: str) -> str:
    """The name of what is to be checked in a module that was given without an attribute.

    Raises:
        TargetError: there is nothing, or more than one thing, and then which.
    """
    usual = usual_attribute(module)
    if usual:
        return usual
    found = candidates(module)
    # An app that is there says more than the handlers that are registered on it, and so on.
    best = [name for name, rank in found if rank == min(rank for _, rank in found)]
    if len(best) == 1:
        return best[0]
    if best:
        specs = listed(f"'{place}:{name}'" for name in best)
        raise TargetError(f"'{place}' has more than one thing to check: give one of {specs}")
    raise TargetError(f"'{place}' has no app and no WebSocket handler: {ACCEPTED}")


def usual_attribute(module: ModuleType) -> str | None:
    """``app``, ``application`` or ``create_app``, the first of them that is an app or makes one."""
    things = vars(module)
    for name in _USUAL_APPS:
        if kind_of(things.get(name)) in {"app", "factory"}:
            return name
    return _USUAL_FACTORY if kind_of(things.get(_USUAL_FACTORY)) == "factory" else None


def candidates(module: ModuleType) -> list[tuple[str, int]]:
    """The names of what can be checked in ``module``, each with its rank, KNOWN_APP … LIFESPAN."""
    found: dict[int, tuple[str, int]] = {}
    for name, thing in vars(module).items():
        if name.startswith("_") or id(thing) in found:
            continue
        # A lazy object, Django's settings for one, may raise when it is merely looked at.
        with suppress(Exception):
            rank = _rank(thing, module)
            if rank is not None:
                found[id(thing)] = (name, rank)
    return list(found.values())


def _rank(thing: object, module: ModuleType) -> int | None:
    # What other modules define is imported for use, not to be checked; of an app, which a module
    # may well import to hand it on, one cannot tell.
    defined = unwrap(thing) if isinstance(thing, FunctionType) else thing
    if isinstance(defined, FunctionType | type) and defined.__module__ != module.__name__:
        return None
    kind: Kind | None = kind_of(thing)
    if kind == "app":
        return KNOWN_APP if framework_of(thing) else OTHER_APP
    # By its name alone no function is called that the user did not name.
    if kind == "factory":
        return FACTORY if promises_app(thing) else None
    return {"handler": HANDLER, "listener": HANDLER, "lifespan": LIFESPAN}.get(kind or "")


def _no_attribute(module: ModuleType, inside: object, part: str, owner: str) -> str:
    hint = did_you_mean(part, (name for name in dir(inside) if not name.startswith("_")))
    if hint or inside is not module:
        return f"'{owner}' has no attribute '{part}'{hint or ': check its name'}"
    found = listed(f"'{owner}:{name}'" for name, _ in candidates(module))
    return f"'{owner}' has no attribute '{part}': " + (
        f"what can be checked in it is {found}" if found else "nothing in it can be checked"
    )


_MISSING = object()

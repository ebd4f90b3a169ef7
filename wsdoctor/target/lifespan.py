"""A Litestar ``connection_lifespan``, recognised without Litestar."""

from __future__ import annotations

import inspect
from types import FunctionType

from wsdoctor.target.asgi import parameters_of, required
from wsdoctor.target.source import unwrap


def is_lifespan(thing: object) -> bool:
    """Whether it is an async context manager function that takes the connection, ``socket``."""
    return _is_context_manager(thing) and "socket" in _names(thing)


def lifespan_objection(thing: object) -> str | None:
    """Why something much like a connection_lifespan is none: "is …: …"."""
    if _is_context_manager(thing):
        return (
            f"is an async context manager that takes ({', '.join(_names(thing))}), not `socket`: "
            "only a connection_lifespan can be checked on its own, else give the app"
        )
    if inspect.isasyncgenfunction(thing) and "socket" in _names(thing):
        return (
            "is an async generator: if it is a connection_lifespan, "
            "decorate it with @contextlib.asynccontextmanager"
        )
    return None


def _is_context_manager(thing: object) -> bool:
    return (
        isinstance(thing, FunctionType)
        and not inspect.isasyncgenfunction(thing)
        and inspect.isasyncgenfunction(unwrap(thing))
    )


def _names(thing: object) -> list[str]:
    parameters = parameters_of(thing) or []
    return [parameter.name for parameter in required(parameters) or parameters]

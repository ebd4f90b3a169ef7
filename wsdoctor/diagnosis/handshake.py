"""What the source reads of the opening handshake: query parameters and headers, by name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from wsdoctor.diagnosis.syntax import Function, parse
from wsdoctor.recording.events import StackFrame

_ANY = "x"
_NUMBER = "1"
_MAPPINGS = frozenset({"query_params", "headers"})

_OTHER = frozenset({"Depends", "Path", "Security", "Body", "Form", "Cookie", "Header"})
"""Names of what makes a parameter of a FastAPI function something else than a query parameter."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names that are read, each with a value that the source seems to take."""

    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


def names_read(source: str, handler: StackFrame | None) -> Names:
    """What ``source`` reads of a handshake, and the ``handler`` in it gets as arguments.

    Starlette's and Litestar's ``query_params`` and ``headers`` are looked up by name. FastAPI and
    Litestar give a handler the query parameters that are called like its arguments.
    """
    found = Names()
    tree = parse(source)
    for node in ast.walk(tree) if tree is not None else ():
        for mapping, name, value in _looked_up(node):
            (found.query if mapping == "query_params" else found.headers).setdefault(name, value)
        if handler is not None and isinstance(node, Function) and _is_at(node, handler):
            for name, value in _arguments(node):
                found.query.setdefault(name, value)
    return found


def _looked_up(node: ast.AST) -> Iterator[tuple[str, str, str]]:
    """The mapping, the name and the value of ``websocket.query_params.get("user", "ann")``."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Attribute(attr=mapping), attr="get"),
            args=[ast.Constant(value=str(name)), *default],
        ) if mapping in _MAPPINGS:
            yield mapping, name, _value(default[0] if default else None)
        case ast.Subscript(
            value=ast.Attribute(attr=mapping), slice=ast.Constant(value=str(name))
        ) if mapping in _MAPPINGS:
            yield mapping, name, _ANY


def _is_at(function: Function, place: StackFrame) -> bool:
    first = min((node.lineno for node in function.decorator_list), default=function.lineno)
    return first <= place.first_line <= function.lineno


def _arguments(function: Function) -> Iterator[tuple[str, str]]:
    """The arguments of ``function`` that are a text or a number."""
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    missing: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults))
    pairs = [*zip(plain, [*missing, *given.defaults], strict=True)]
    pairs += zip(given.kwonlyargs, given.kw_defaults, strict=True)
    for argument, default in pairs:
        if argument.annotation is None:
            continue
        text = (
            f"{ast.unparse(argument.annotation)} {'' if default is None else ast.unparse(default)}"
        )
        words = set(re.findall(r"\w+", text))
        if words & _OTHER or not words & {"str", "int"}:
            continue
        yield argument.arg, _value(default, _ANY if "str" in words else _NUMBER)


def _value(default: ast.expr | None, usual: str = _ANY) -> str:
    if isinstance(default, ast.Constant) and isinstance(default.value, str | int):
        return str(default.value) or usual
    return usual

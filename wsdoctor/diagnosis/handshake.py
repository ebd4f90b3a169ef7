"""What the source reads of the opening handshake: query parameters and headers, by name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from wsdoctor.diagnosis.syntax import Function, parse, root_of
from wsdoctor.recording.events import StackFrame

_ANY = "x"
_NUMBER = "1"
_QUERY, _HEADERS = "query_params", "headers"
_MAPPINGS = frozenset({_QUERY, _HEADERS})
_PARSERS = frozenset({"parse_qs", "parse_qsl", "QueryParams"})
_PREFIXED = re.compile(r"([A-Za-z][\w-]*)=")

_OTHER = frozenset({"Depends", "Path", "Security", "Body", "Form", "Cookie"})
"""Names of what makes a parameter of a FastAPI function neither a query parameter nor a header."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names that are read, each with a value that the source seems to take.

    ``unset`` are those of both for which the source has no value of its own, if the client sends none.
    """

    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    unset: set[str] = field(default_factory=set)


def names_read(source: str, handler: StackFrame | None) -> Names:
    """What ``source`` reads of a handshake, and the ``handler`` in it gets as arguments.

    Starlette's and Litestar's ``query_params`` and ``headers`` are looked up by name, and so is what a
    scope has. FastAPI and Litestar give a handler the query parameters that are called like its arguments.
    """
    found = Names()
    tree = parse(source)
    if tree is None:
        return found
    mappings = _Mappings(tree)
    for node in ast.walk(tree):
        for mapping, name, value in mappings.looked_up(node):
            _note(found, mapping, name, value)
        if handler is not None and isinstance(node, Function) and _is_at(node, handler):
            for mapping, name, value in _arguments(node):
                _note(found, mapping, name, value)
    return found


def _note(found: Names, mapping: str, name: str, value: tuple[str, bool]) -> None:
    names = found.query if mapping == _QUERY else found.headers
    if name not in names and not value[1]:
        found.unset.add(name)
    names.setdefault(name, value[0])


class _Mappings:
    """The expressions in ``tree`` that hold the query, or the headers, of a handshake."""

    def __init__(self, tree: ast.Module) -> None:
        self._known: dict[str, str] = {}
        assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
        functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
        for _ in range(_STEPS):
            for node in assigned:
                if (mapping := self._of(node.value)) and not _is_lookup(node.value):
                    for target in node.targets:
                        if isinstance(target, ast.Name):
                            self._known.setdefault(target.id, mapping)
            for function in functions:
                for part in ast.walk(function):
                    if (
                        isinstance(part, ast.Return)
                        and part.value is not None
                        and (mapping := self._of(part.value))
                        and not _is_lookup(part.value)
                    ):
                        self._known.setdefault(function.name, mapping)

    def _of(self, expression: ast.expr) -> str:
        """Which of the two ``expression`` is made of; empty if it is none."""
        if isinstance(expression, ast.Attribute) and expression.attr in _MAPPINGS:
            return expression.attr
        for part in ast.walk(expression):
            if isinstance(part, ast.Constant) and part.value == "query_string":
                return _QUERY
            if isinstance(part, ast.Call) and root_of(part.func) in _PARSERS:
                return _QUERY
            if isinstance(part, ast.Attribute) and part.attr in _MAPPINGS:
                return part.attr
            if isinstance(part, ast.Subscript) and (
                isinstance(part.slice, ast.Constant) and part.slice.value == _HEADERS
            ):
                return _HEADERS
            if isinstance(part, ast.Name) and part.id in self._known:
                return self._known[part.id]
        return ""

    def looked_up(self, node: ast.AST) -> Iterator[tuple[str, str, tuple[str, bool]]]:
        """The mapping, the name and the value of ``websocket.query_params.get("user", "ann")``.

        The value comes with a flag that says whether it is in the source.
        """
        match node:
            case ast.Call(
                func=ast.Attribute(value=of, attr="get"),
                args=[ast.Constant(value=str() | bytes() as name), *default],
            ) if mapping := self._of(of):
                yield mapping, _text(name), _value(default[0] if default else None)
            case ast.Subscript(value=of, slice=ast.Constant(value=str() | bytes() as name)) if (
                mapping := self._of(of)
            ):
                yield mapping, _text(name), (_ANY, False)
            case ast.Call(
                func=ast.Attribute(value=of), args=[ast.Constant(value=str() | bytes() as name), *_]
            ) if (found := _PREFIXED.fullmatch(_text(name))) and self._of(of) == _QUERY:
                yield _QUERY, found[1], (_ANY, False)
            case (ast.For(target=target, iter=over) | ast.AsyncFor(target=target, iter=over)) | (
                ast.comprehension(target=target, iter=over)
            ) if mapping := self._of(over):
                tests = node.ifs if isinstance(node, ast.comprehension) else [node]
                for name in _compared(tests, target):
                    yield mapping, name, (_ANY, False)


_STEPS = 2
"""Assignments from what a scope has to what is looked up in."""


def _is_lookup(expression: ast.expr) -> bool:
    """Whether ``expression`` is what is found in a mapping, and no mapping."""
    if isinstance(expression, ast.Subscript):
        return not (
            isinstance(expression.slice, ast.Constant)
            and expression.slice.value in {"query_string", _HEADERS}
        )
    return any(
        isinstance(part, ast.Call)
        and isinstance(part.func, ast.Attribute)
        and part.func.attr == "get"
        and not any(
            isinstance(item, ast.Constant) and item.value in {"query_string", _HEADERS}
            for item in part.args
        )
        for part in ast.walk(expression)
    )


def _compared(tests: Sequence[ast.AST], target: ast.expr) -> Iterator[str]:
    """The texts that a variable of ``target`` is compared with in ``tests``."""
    names = {item.id for item in ast.walk(target) if isinstance(item, ast.Name)}
    for part in (inner for test in tests for inner in ast.walk(test)):
        match part:
            case ast.Compare(
                left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=str() | bytes() as name)]
            ) if any(isinstance(item, ast.Name) and item.id in names for item in ast.walk(left)):
                yield _text(name)


def _text(name: str | bytes) -> str:
    return name.decode("latin-1") if isinstance(name, bytes) else name


def _is_at(function: Function, place: StackFrame) -> bool:
    first = min((node.lineno for node in function.decorator_list), default=function.lineno)
    return first <= place.first_line <= function.lineno


_MESSAGE = frozenset({"data", "body"})
"""Arguments of a Litestar listener that are the client's message."""


def _arguments(function: Function) -> Iterator[tuple[str, str, tuple[str, bool]]]:
    """The arguments of ``function`` that are a text or a number, each with where it comes from."""
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    missing: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults))
    pairs = [*zip(plain, [*missing, *given.defaults], strict=True)]
    pairs += zip(given.kwonlyargs, given.kw_defaults, strict=True)
    for argument, default in pairs:
        if argument.annotation is None or argument.arg in _MESSAGE:
            continue
        text = (
            f"{ast.unparse(argument.annotation)} {'' if default is None else ast.unparse(default)}"
        )
        words = set(re.findall(r"\w+", text))
        if words & _OTHER or not words & {"str", "int"}:
            continue
        value = _value(default, _ANY if "str" in words else _NUMBER)
        if "Header" in words:
            yield _HEADERS, argument.arg.replace("_", "-"), value
        else:
            yield _QUERY, argument.arg, value


def _value(default: ast.expr | None, usual: str = _ANY) -> tuple[str, bool]:
    """A value like ``default``, and whether it is that one: as it is, or in a list or a call."""
    if isinstance(default, ast.List) and default.elts:
        default = default.elts[0]
    elif isinstance(default, ast.Call) and default.args:
        default = default.args[0]
    if isinstance(default, ast.Constant) and isinstance(default.value, str | int | bytes):
        value = default.value
        text = _text(value) if isinstance(value, bytes) else str(value)
        return text or usual, bool(text)
    return usual, False

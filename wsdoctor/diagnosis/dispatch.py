"""Tables of functions: ``HANDLERS[kind](…)``, ``HANDLERS.get(kind)``, ``getattr(self, f"on_{kind}")``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from wsdoctor.diagnosis.program import Entry, Found, Program, Scope
from wsdoctor.diagnosis.syntax import Function


@dataclass(frozen=True, slots=True)
class Lookup:
    """A lookup in a table by a key that the source does not give: the entries, and the key."""

    key: ast.expr
    entries: list[Entry]


def lookup(node: ast.AST, file: str, program: Program, *, every: bool = False) -> Lookup | None:
    """The lookup in a dictionary, or of a method by its name, that ``node`` is, if it is one.

    ``every``: with the entries whose keys are no constants.
    """
    match node:
        case ast.Subscript(value=value, slice=key):
            pass
        case ast.Call(func=ast.Attribute(value=value, attr="get" | "pop"), args=[key, *_]):
            pass
        case ast.Call(func=ast.Name(id="getattr"), args=[value, name, *_]):
            return _by_name(value, name, file, program)
        case _:
            return None
    if isinstance(key, ast.Constant) or not (entries := program.table(value, file, every=every)):
        return None
    return Lookup(key, entries)


def _by_name(value: ast.expr, name: ast.expr, file: str, program: Program) -> Lookup | None:
    """The methods that a name with a fixed beginning may name."""
    found = program.find(name, file)
    match None if found is None else found.node:
        case ast.JoinedStr(values=[ast.Constant(value=str(start)), ast.FormattedValue(value=key)]):
            pass
        case ast.BinOp(op=ast.Add(), left=ast.Constant(value=str(start)), right=key):
            pass
        case _:
            return None
    own = isinstance(value, ast.Name) and value.id in {"self", "cls"}
    cls = program.class_around(value, file) if own else program.class_of(value, file)
    if cls is None:
        return None
    methods: dict[str, Entry] = {}
    for above in program.bases(cls):
        for item in getattr(above.node, "body", ()):
            if isinstance(item, Function) and item.name.startswith(start):
                said = item.name.removeprefix(start)
                methods.setdefault(said, Entry(said, item, item, above.file))
    return Lookup(key, [*methods.values()]) if methods else None


def functions_of(node: ast.AST | None, file: str, program: Program) -> Iterator[tuple[Found, int]]:
    """The function of the user's that ``node`` names, and how many arguments ``partial`` gives it already."""
    found = program.find(node, file)
    match None if found is None else found.node:
        case ast.Call(func=func, args=[first, *given]) if _is_partial(func) and found is not None:
            for inner, before in functions_of(first, found.file, program):
                yield inner, before + len(given)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() if found is not None:
            yield found, 0


def _is_partial(node: ast.expr) -> bool:
    return ast.unparse(node).rpartition(".")[2] == "partial"


def is_function(found: Found) -> bool:
    return isinstance(found.node, Scope)


def is_dispatch(entries: list[Entry], program: Program) -> bool:
    """Whether a dictionary says which function is called, or which class is made."""
    return any(
        any(functions_of(entry.value, entry.file, program))
        or (
            isinstance(entry.value, ast.Name | ast.Attribute)
            and program.class_of(entry.value, entry.file) is not None
        )
        for entry in entries
    )

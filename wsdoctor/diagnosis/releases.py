"""What the source says of a lock: by what name a line acquires it, and where its function gives it back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.syntax import innermost_function, parse, spans
from wsdoctor.recording.events import StackFrame


@dataclass(frozen=True, slots=True)
class Acquired:
    """What a line acquires, as it is written (``self.seats``), and where its function releases that.

    Empty, and 0, where the source does not say. ``guarded``: it does so in a ``finally``.
    """

    name: str = ""
    released_at: int = 0
    guarded: bool = False


def acquired(connection: Connection, place: StackFrame | None) -> Acquired:
    """What the recorded source says of the lock that is acquired at ``place``."""
    if place is None:
        return Acquired()
    return _acquired(connection.recording.sources.get(place.file, ""), place.line)


@lru_cache(maxsize=512)
def _acquired(source: str, number: int) -> Acquired:
    tree = parse(source)
    function = innermost_function(tree, number) if tree else None
    if function is None:
        return Acquired()
    names = [name for line, name in _calls(function, "acquire") if line == number]
    if len(names) != 1:
        return Acquired()
    (name,) = names
    releases = [line for line, of in _calls(function, "release") if of == name]
    guarded = any(
        spans(statement, line)
        for node in ast.walk(function)
        if isinstance(node, ast.Try)
        for statement in node.finalbody
        for line in releases
    )
    return Acquired(name, min(releases, default=0), guarded)


def _calls(function: ast.AST, verb: str) -> Iterator[tuple[int, str]]:
    """The lines at which a method is called whose name begins so, and what it is a method of."""
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr.startswith(verb)
        ):
            yield node.lineno, ast.unparse(node.func.value)

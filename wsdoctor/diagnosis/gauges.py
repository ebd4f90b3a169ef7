"""What the source says of a number that counts what is there: where it goes up, and where it comes down.

A gauge is a number that some line raises and another one lowers. One line is owed to the other if the
code that comes to the first one is to come to the second: it stands behind it, in a clean-up, or in the
function that is called there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from wsdoctor.diagnosis.calls import calls_in, own_statements
from wsdoctor.diagnosis.entries import Entry, frame_in
from wsdoctor.diagnosis.syntax import Function, parse, root_of

NUMBER = "number"
"""The kind of container, in a Holder, of what is a number, or holds numbers."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A line at which the number called ``name`` goes ``up``, or down."""

    name: str
    up: bool
    node: ast.stmt
    function: Function


@lru_cache(maxsize=64)
def gauges(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """The names of the numbers that functions in ``source`` raise, and of those that they lower."""
    steps = _steps(source)
    return (
        frozenset(step.name for step in steps if step.up),
        frozenset(step.name for step in steps if not step.up),
    )


def movements(
    sources: Mapping[str, str], name: str, *, falls: bool, always: bool
) -> tuple[Entry, ...]:
    """Where the number called ``name`` moves away, each with the line that is to bring it back.

    ``falls``: it goes down with every client. If it does so not ``always``, but only when a client leaves
    in a certain way, then any line that brings it back is meant to.
    """
    steps = [(file, step) for file, text in sources.items() for step in _steps(text)]
    away = [(file, step) for file, step in steps if step.name == name and step.up is not falls]
    back = [(file, step) for file, step in steps if step.name == name and step.up is falls]
    calls = calls_in(tuple(sources.values()))
    found = [
        Entry(
            frame_in(file, step.function, step.node.lineno),
            frame_in(where, other.function, other.node.lineno),
            ast.unparse(other.node),
        )
        for file, step in away
        for where, other in back
        if not always or calls.owes(step.node, step.function, other.node, other.function)
    ]
    found.sort(key=lambda entry: entry.take is None or entry.take.file != entry.put.file)
    return tuple(found)


@lru_cache(maxsize=64)
def _steps(source: str) -> tuple[_Step, ...]:
    tree = parse(source)
    if tree is None:
        return ()
    return tuple(
        _Step(name, up, node, function)
        for function in ast.walk(tree)
        if isinstance(function, Function)
        for node in own_statements(function)
        for name, up in _moved(node)
    )


def _moved(node: ast.stmt) -> Iterator[tuple[str, bool]]:
    """The name of the number that ``node`` moves, and whether up."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
        if name := root_of(node.target):
            yield name, isinstance(node.op, ast.Add)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = ast.unparse(node.targets[0])
        for part in ast.walk(node.value):
            if (
                isinstance(part, ast.BinOp)
                and isinstance(part.op, ast.Add | ast.Sub)
                and ast.unparse(part.left) == target
                and (name := root_of(node.targets[0]))
            ):
                yield name, isinstance(part.op, ast.Add)

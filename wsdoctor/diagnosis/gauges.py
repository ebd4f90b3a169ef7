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

from wsdoctor.diagnosis.entries import Entry, frame_in, root_of
from wsdoctor.diagnosis.syntax import Function, comes_to, parse

NUMBER = "number"
"""The kind of container, in a Holder, of what is a number, or holds numbers."""

_PAIRS = (
    *(("__aenter__", "__aexit__"), ("__enter__", "__exit__")),
    *(("on_connect", "on_disconnect"), ("on_accept", "on_disconnect")),
    ("connection_made", "connection_lost"),
)
"""Functions the second of which is called if the first one was."""


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
    calls = _Calls(sources)
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
        for node in _own(function)
        for name, up in _moved(node)
    )


def _own(function: Function) -> Iterator[ast.stmt]:
    """The statements of ``function``, without those of the functions in it."""
    waiting: list[ast.AST] = [*function.body]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, Function | ast.ClassDef):
            continue
        if isinstance(node, ast.stmt):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


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


class _Calls:
    """Which function calls which, by name."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._callers: dict[str, list[tuple[Function, ast.stmt]]] = {}
        for source in sources.values():
            tree = parse(source)
            for function in ast.walk(tree) if tree is not None else ():
                if isinstance(function, Function):
                    for node in _own(function):
                        for name in _called(node):
                            self._callers.setdefault(name, []).append((function, node))

    def owes(self, first: ast.stmt, within: Function, second: ast.stmt, there: Function) -> bool:
        """Whether code that ran ``first``, in ``within``, is to run ``second``, in ``there``."""
        if (within.name, there.name) in _PAIRS:
            return True
        firsts = [(within, first), *self._callers.get(within.name, ())]
        seconds = [(there, second), *self._callers.get(there.name, ())]
        return any(
            function is other and comes_to(function, node, later)
            for function, node in firsts
            for other, later in seconds
        ) or any((a.name, b.name) in _PAIRS for a, _ in firsts for b, _ in seconds)


def _called(node: ast.stmt) -> Iterator[str]:
    for part in _expressions(node):
        if isinstance(part, ast.Call):
            if isinstance(part.func, ast.Attribute):
                yield part.func.attr
            elif isinstance(part.func, ast.Name):
                yield part.func.id


def _expressions(node: ast.stmt) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = [node]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(
            child
            for child in ast.iter_child_nodes(part)
            if not isinstance(child, ast.stmt | ast.ExceptHandler)
        )

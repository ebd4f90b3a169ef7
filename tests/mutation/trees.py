"""Change a syntax tree in place for the time of a block, and report the place of the change."""

from __future__ import annotations

import ast
import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Function = ast.FunctionDef | ast.AsyncFunctionDef
With = ast.With | ast.AsyncWith
Try = ast.Try | ast.TryStar


@dataclass(frozen=True)
class Place:
    """Where a tree is changed: the line of the original, and the text there that is affected."""

    line: int
    text: str


Change = Callable[[ast.Module], Iterator[Place]]
"""Changes a tree at one place after the other.

While it is suspended at its ``yield`` the tree is changed at the place that it gave; before it goes
on to the next one, the tree is as it was.
"""


@dataclass(frozen=True)
class Operator:
    """One way of changing a program. ``does`` completes "a program with …"."""

    name: str
    does: str
    change: Change


def place(node: ast.AST, text: str = "") -> Place:
    """``node`` as a Place; its text is its first line unless it is given."""
    return Place(getattr(node, "lineno", 0), text or first_line(node))


def first_line(node: ast.AST) -> str:
    return ast.unparse(node).splitlines()[0]


def blocks(tree: ast.AST) -> list[list[ast.stmt]]:
    """Every list of statements in ``tree``, outer ones first."""
    found = []
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                found.append(block)
    return found


def statements(tree: ast.AST) -> Iterator[tuple[list[ast.stmt], int, ast.stmt]]:
    """Every statement, with the list that it is in, and its place there."""
    for block in blocks(tree):
        for number, statement in enumerate(list(block)):
            yield block, number, statement


@contextlib.contextmanager
def replaced(
    block: list[ast.stmt], start: int, stop: int, new: Iterable[ast.stmt]
) -> Iterator[None]:
    """``block`` with ``new`` in place of what is from ``start`` to ``stop``: ``pass`` if nothing is left."""
    old = list(block)
    block[start:stop] = list(new)
    if not block:
        block.append(ast.Pass())
    try:
        yield
    finally:
        block[:] = old


@contextlib.contextmanager
def without(items: list[Any], item: object) -> Iterator[None]:
    """``items`` (arguments, keywords, handlers) without ``item``."""
    old = list(items)
    items[:] = [one for one in items if one is not item]
    try:
        yield
    finally:
        items[:] = old


@contextlib.contextmanager
def assigned(node: ast.AST, name: str, value: object) -> Iterator[None]:
    """``node`` with ``value`` in its field ``name``."""
    old = getattr(node, name)
    setattr(node, name, value)
    try:
        yield
    finally:
        setattr(node, name, old)


def like(node: Any, **fields: object) -> Any:
    """A shallow copy of ``node`` with other ``fields``."""
    twin = copy.copy(node)
    for name, value in fields.items():
        setattr(twin, name, value)
    return twin


def unguarded(node: Try, **fields: object) -> list[ast.stmt]:
    """``node`` with other ``fields``; what is in it if neither ``except`` nor ``finally`` is left."""
    rest = like(node, **fields)
    if not rest.handlers and not rest.finalbody:
        return [*rest.body, *rest.orelse]
    return [rest]


def call(node: ast.AST | None) -> ast.Call | None:
    """The call that the statement ``node`` consists of, awaited or not."""
    value = node.value if isinstance(node, ast.Expr) else None
    if isinstance(value, ast.Await):
        value = value.value
    return value if isinstance(value, ast.Call) else None


def last_name(node: ast.AST) -> str:
    """``cancel`` of ``task.cancel``, ``suppress`` of ``contextlib.suppress``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def called(node: ast.AST | None) -> str:
    """The last name of the function that the statement or expression ``node`` calls."""
    found = node if isinstance(node, ast.Call) else call(node)
    return last_name(found.func) if found is not None else ""


def awaits(node: ast.AST) -> bool:
    return any(isinstance(item, ast.Await) for item in ast.walk(node))


def yields(node: ast.AST) -> bool:
    """Whether ``node`` has a ``yield`` of its own, not one of a function in it."""
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ast.Yield | ast.YieldFrom):
            return True
        if item is node or not isinstance(item, Function | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(item))
    return False


def imported(tree: ast.Module, line: str) -> None:
    """Put the statement ``line`` behind the docstring and the ``__future__`` imports of ``tree``."""
    at = 0
    for number, item in enumerate(tree.body):
        is_docstring = isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant)
        if is_docstring or (isinstance(item, ast.ImportFrom) and item.module == "__future__"):
            at = number + 1
    tree.body[at:at] = ast.parse(line).body


@contextlib.contextmanager
def with_preamble(tree: ast.Module, *lines: str) -> Iterator[None]:
    """``tree`` with more statements at its top: imports, a function that the change calls."""
    old = list(tree.body)
    for line in reversed(lines):
        imported(tree, line)
    try:
        yield
    finally:
        tree.body[:] = old

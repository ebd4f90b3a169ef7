"""The syntax tree of the user's source: the function, the statement and the blocks around a line."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

Function = ast.FunctionDef | ast.AsyncFunctionDef
Block = ast.Try | ast.TryStar | ast.With | ast.AsyncWith


@lru_cache(maxsize=512)
def parse(source: str) -> ast.Module | None:
    try:
        return ast.parse(source) if source else None
    except SyntaxError:
        return None


def spans(node: ast.stmt | ast.ExceptHandler, number: int) -> bool:
    return node.lineno <= number <= (node.end_lineno or node.lineno)


def innermost_function(tree: ast.Module, number: int) -> Function | None:
    found = [node for node in ast.walk(tree) if isinstance(node, Function) and spans(node, number)]
    return max(found, key=lambda node: node.lineno, default=None)


def innermost_statement(function: Function, number: int) -> ast.stmt | None:
    found = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.stmt) and node is not function and spans(node, number)
    ]
    return min(found, key=lambda node: (node.end_lineno or node.lineno) - node.lineno, default=None)


def own_nodes(statement: ast.stmt) -> list[ast.AST]:
    """The nodes of a statement without those of the statements it holds."""
    nodes: list[ast.AST] = []
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        waiting.extend(
            child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)
        )
    return nodes


def root_of(expression: ast.expr) -> str:
    """The name of the object in which an expression looks something up: ``rooms`` of ``self.rooms[room]``."""
    root = root_expression(expression)
    if isinstance(root, ast.Attribute):
        return root.attr
    return root.id if isinstance(root, ast.Name) else ""


def root_expression(expression: ast.expr) -> ast.expr:
    """The same as an expression: ``self.rooms``."""
    while True:
        if isinstance(expression, ast.Subscript):
            expression = expression.value
        elif isinstance(expression, ast.Call) and isinstance(expression.func, ast.Attribute):
            expression = expression.func.value
        else:
            return expression


def comes_to(function: Function, first: ast.stmt, later: ast.stmt) -> bool:
    """Whether code that ran ``first`` comes to ``later`` before it leaves ``function``.

    That stands behind it: not in a branch or a loop that ``first`` is not in, unless the function, or
    the loop around both, is left there.
    """
    if later.lineno <= first.lineno:
        return False
    around = {id(block) for block in _blocks_around(function.body, first)}
    return any(
        item is later for block in _reached(function.body, around, sure=True) for item in block
    )


def always_comes_to(function: Function, node: ast.stmt) -> bool:
    """Whether each call of ``function`` comes to ``node``, or leaves by it."""
    return any(
        item is node for block in _reached(function.body, set(), sure=True) for item in block
    )


def _blocks_around(block: list[ast.stmt], node: ast.stmt) -> list[list[ast.stmt]]:
    for item in block:
        if item is node:
            return [block]
        for inner in _blocks_of(item):
            if found := _blocks_around(inner, node):
                return [block, *found]
    return []


def _reached(
    block: list[ast.stmt], around: set[int], *, sure: bool, leaving: bool = True
) -> Iterator[list[ast.stmt]]:
    """``block``, and those in it, that are ``around`` a line, or that every way on from it leads through.

    ``leaving``: one that leaves the function, or a loop, counts as well. It does not in a loop around
    that line: there both are answers to messages.
    """
    ends = leaving and isinstance(block[-1], ast.Break | ast.Return | ast.Raise)
    if sure or id(block) in around or ends:
        yield block
    for item in block:
        straight = isinstance(item, ast.With | ast.AsyncWith | ast.Try | ast.TryStar)
        for inner in _blocks_of(item):
            loops = isinstance(item, ast.For | ast.AsyncFor | ast.While) and id(inner) in around
            yield from _reached(
                inner,
                around,
                sure=straight and (sure or id(block) in around),
                leaving=leaving and not loops,
            )


def _blocks_of(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    if isinstance(node, Function | ast.ClassDef):
        return
    for part in (node, *getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        for name in ("body", "orelse", "finalbody"):
            if inner := getattr(part, name, None):
                yield inner

"""The syntax tree of the user's source: the function, the statement and the blocks around a line."""

from __future__ import annotations

import ast
from functools import lru_cache

Function = ast.FunctionDef | ast.AsyncFunctionDef
Block = ast.Try | ast.TryStar | ast.With | ast.AsyncWith


@lru_cache(maxsize=64)
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

"""Which of the user's functions calls which, and which is to run if another one has run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

from wsdoctor.diagnosis.syntax import Function, always_comes_to, comes_to, parse

_PAIRS = (
    *(("__aenter__", "__aexit__"), ("__enter__", "__exit__")),
    *(("on_connect", "on_disconnect"), ("on_accept", "on_disconnect")),
    *(("connect", "disconnect"), ("websocket_connect", "websocket_disconnect")),
    ("connection_made", "connection_lost"),
    *(("before_websocket", "after_websocket"), ("before_websocket", "teardown_websocket")),
)
"""Functions, or their decorators, the second of which is called if the first one was."""

STARTERS = frozenset(
    {"call_later", "call_at", "call_soon", "call_soon_threadsafe", "Timer", "add_done_callback"}
)
"""What calls a function later that it is given."""

_DEEPEST = 4
"""Calls within one another that are followed."""

_VERBS = frozenset({"add", "append", "insert", "put", "discard", "remove", "pop", "clear", "get"})
"""Names of methods that containers have, too."""

Place = tuple[Function, ast.stmt]
"""A statement, and the function that it stands in."""


class Calls:
    """Which function calls which, by name."""

    def __init__(self, sources: tuple[str, ...]) -> None:
        self._callers: dict[str, list[Place]] = {}
        self._mentioned: set[str] = set()
        self._free: set[int] = set()
        for source in sources:
            tree = parse(source)
            for node in ast.walk(tree) if tree is not None else ():
                if isinstance(node, Function):
                    for statement in own_statements(node):
                        for name in _called(statement):
                            self._callers.setdefault(name, []).append((node, statement))
                elif isinstance(node, ast.Attribute):
                    self._mentioned.add(node.attr)
                elif isinstance(node, ast.Name):
                    self._mentioned.add(node.id)
                elif isinstance(node, ast.ClassDef) and node.bases:
                    # A framework calls the methods of what is derived from its classes.
                    self._free.update(id(item) for item in node.body)

    def callers(self, function: Function) -> list[Place]:
        """Where ``function`` is called, or another one of its name."""
        return self._callers.get(function.name, [])

    def owes(self, first: ast.stmt, within: Function, second: ast.stmt, there: Function) -> bool:
        """Whether code that ran ``first``, in ``within``, is to run ``second``, in ``there``."""
        firsts = list(self._ways((within, first)))
        seconds = list(self._ways((there, second), surely=True))
        return any(
            function is other
            and comes_to(function, node, later)
            and (node is first or later is second or _same(node, later))
            for function, node in firsts
            for other, later in seconds
        ) or any(
            pair in _PAIRS
            for function, _ in firsts
            for other, _ in seconds
            for pair in ((a, b) for a in _names(function) for b in _names(other))
        )

    def is_unused(self, function: Function) -> bool:
        """Whether nothing calls ``function``, and no framework can."""
        return (
            not function.decorator_list
            and id(function) not in self._free
            and function.name not in self._mentioned
            and not function.name.startswith("__")
            and not any(function.name in pair for pair in _PAIRS)
        )

    def precedes_loop(self, node: ast.stmt, within: Function) -> bool:
        """Whether code that ran ``node``, in ``within``, then loops: over the messages of a client."""
        loops = (ast.While, ast.For, ast.AsyncFor)
        return any(
            isinstance(later, loops) and comes_to(function, first, later)
            for function, first in self._ways((within, node))
            if not any(
                isinstance(loop, loops) and first in ast.walk(loop)
                for loop in own_statements(function)
            )
            for later in own_statements(function)
        )

    def _ways(self, place: Place, *, surely: bool = False) -> Iterator[Place]:
        """``place``, and the calls that lead to it, with those that lead to them.

        ``surely``: only through functions that always make that call.
        """
        level = [place]
        known = {id(place[1])}
        for deep in range(_DEEPEST):
            yield from level
            level = [
                caller
                for function, node in level
                if not (surely and deep) or always_comes_to(function, node)
                for caller in self._callers.get(function.name, ())
                if id(caller[1]) not in known
            ]
            known.update(id(node) for _, node in level)


@lru_cache(maxsize=8)
def calls_in(sources: tuple[str, ...]) -> Calls:
    """The calls in all ``sources``."""
    return Calls(sources)


def _same(first: ast.stmt, later: ast.stmt) -> bool:
    """Whether methods that containers have as well are called on one object."""
    ones, others = _receivers(first), _receivers(later)
    return not ones or not others or bool(ones & others)


def _receivers(node: ast.stmt) -> set[str]:
    return {
        ast.unparse(part.func.value)
        for part in expressions(node)
        if isinstance(part, ast.Call)
        and isinstance(part.func, ast.Attribute)
        and part.func.attr in _VERBS
    }


def _names(function: Function) -> Iterator[str]:
    """The name of ``function``, and those of its decorators."""
    yield function.name
    for decorator in function.decorator_list:
        found = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(found, ast.Attribute):
            yield found.attr


def own_statements(function: Function) -> Iterator[ast.stmt]:
    """The statements of ``function``, without those of the functions in it."""
    waiting: list[ast.AST] = [*function.body]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, Function | ast.ClassDef):
            continue
        if isinstance(node, ast.stmt):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def _called(node: ast.stmt) -> Iterator[str]:
    for part in expressions(node):
        if isinstance(part, ast.Call):
            name = _name(part.func)
            yield from (name,) if name else ()
            if name in STARTERS:
                yield from (found for item in part.args if (found := _name(item)))


def _name(expression: ast.expr) -> str:
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""


def expressions(node: ast.stmt) -> Iterator[ast.AST]:
    """The expressions of ``node``, without those of the statements in it."""
    waiting: list[ast.AST] = [node]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(
            child
            for child in ast.iter_child_nodes(part)
            if not isinstance(child, ast.stmt | ast.ExceptHandler)
        )

"""What the source says about a line of the user's code.

The line comes from what ran (stacks and tracebacks); a look at the source tells what the code
around it does: which task it awaits, whether it cancels it, what it catches.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from msgspec.structs import replace

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.syntax import (
    Block,
    Function,
    innermost_function,
    innermost_statement,
    own_nodes,
    parse,
    spans,
)
from wsdoctor.recording.events import StackFrame
from wsdoctor.recording.recording import Recording


@dataclass(frozen=True, slots=True)
class Line:
    """What the source says about one line.

    ``awaited`` is the name that the line awaits (``task`` in ``await task``), ``is_yield`` whether
    it yields, ``guards`` what the ``except`` clauses around it catch, ``cancelled_before`` and
    ``cancelled_after`` whether the function cancels ``awaited`` earlier or later;
    ``is_context_manager`` whether the function is decorated as one; ``owes_cleanup`` whether to
    leave the function from there runs a ``finally``, or ends a ``with``; ``is_tidying`` whether it
    is in a ``finally`` or an ``except`` that leaves the function, or enters or leaves a ``with``. ``expression`` is what it
    awaits, iterates or enters, as it is written (``queue.get()``); ``in_loop`` whether it runs
    again and again. ``caught_by`` is the first line of an ``except`` around it, within its
    innermost loop, that takes the disconnect and lets the loop go on, 0 if there is none.
    """

    function: str = ""
    awaited: str = ""
    is_yield: bool = False
    in_finally: bool = False
    guards: tuple[str, ...] = ()
    cancelled_before: bool = False
    cancelled_after: bool = False
    is_context_manager: bool = False
    owes_cleanup: bool = False
    is_tidying: bool = False
    expression: str = ""
    in_handler: bool = False
    in_loop: bool = False
    caught_by: int = 0
    is_shielded: bool = False


def read(connection: Connection, place: StackFrame | None) -> Line:
    """What the recorded source says about ``place``; an empty Line if there is none."""
    if place is None:
        return Line()
    source = connection.recording.sources.get(place.file, "")
    return _read(source, place.line, place.function)


def scope_of(recording: Recording, place: StackFrame) -> tuple[int, int]:
    """What one ``except`` could catch together with ``place``.

    The first line of its function, and that of the innermost ``try`` around it there, 0 if none is.
    """
    return _scope(recording.sources.get(place.file, ""), place.line)


def swallows_cancellation(connection: Connection, place: StackFrame) -> StackFrame | None:
    """The line in the function of ``place`` that keeps a CancelledError from leaving it."""
    line = _swallows(connection.recording.sources.get(place.file, ""), place.line)
    return replace(place, line=line) if line else None


@lru_cache(maxsize=512)
def _swallows(source: str, number: int) -> int:
    tree = parse(source)
    function = innermost_function(tree, number) if tree else None
    if function is None:
        return 0
    found: list[tuple[bool, int, int]] = []
    for node in ast.walk(function):
        line = 0
        if isinstance(node, ast.Try):
            line = next((item.lineno for item in node.handlers if stops_cancellation(item)), 0)
        elif isinstance(node, ast.With | ast.AsyncWith):
            line = node.lineno if _CANCELLATION & last_names(suppressed(node)) else 0
        if line:
            assert isinstance(node, ast.stmt)
            found.append((not spans(node, number), -node.lineno, line))
    return min(found, default=(False, 0, 0))[-1]


_CANCELLATION = frozenset({"CancelledError", "BaseException"})


def stops_cancellation(handler: ast.ExceptHandler) -> bool:
    """Whether ``handler`` catches a CancelledError and has no ``raise`` of its own."""
    caught = handler.type
    if caught is not None:
        items = caught.elts if isinstance(caught, ast.Tuple) else [caught]
        if not _CANCELLATION & last_names(ast.unparse(item) for item in items):
            return False
    return not any(isinstance(node, ast.Raise) for item in handler.body for node in ast.walk(item))


def last_names(names: Iterable[str]) -> set[str]:
    return {name.rpartition(".")[2] for name in names}


def skipped_after(connection: Connection, place: StackFrame) -> int:
    """The line of what a context manager has after its ``yield`` at ``place``, and nothing guards.

    0 if there is nothing of the kind, if a ``try`` or ``with`` is around the ``yield``, or if it is
    one of several, or in a loop: then the function gives values, and may be left at any of them.
    """
    return _skipped_after(connection.recording.sources.get(place.file, ""), place.line)


@lru_cache(maxsize=512)
def _skipped_after(source: str, number: int) -> int:
    tree = parse(source)
    function = innermost_function(tree, number) if tree else None
    if function is None:
        return 0
    following: list[ast.stmt] = []
    block: list[ast.stmt] = function.body
    while True:
        found = next((i for i, item in enumerate(block) if spans(item, number)), None)
        if found is None:
            return 0
        statement = block[found]
        following = block[found + 1 :] + following
        if not isinstance(statement, ast.If):
            break
        if not any(spans(item, number) for item in (*statement.body, *statement.orelse)):
            break
        inside = any(spans(item, number) for item in statement.body)
        block = statement.body if inside else statement.orelse
    if not isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign):
        return 0
    if not any(isinstance(node, ast.Yield) for node in own_nodes(statement)):
        return 0
    if sum(isinstance(node, ast.Yield) for node in ast.walk(function)) > 1:
        return 0
    return next((item.lineno for item in following if not _does_nothing(item)), 0)


def _does_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass | ast.Return) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


@lru_cache(maxsize=512)
def _scope(source: str, number: int) -> tuple[int, int]:
    tree = parse(source)
    function = innermost_function(tree, number) if tree else None
    if function is None:
        return (number, 0)  # nothing is known of it, so it stands alone
    around = (
        node.lineno
        for node in ast.walk(function)
        if isinstance(node, Block)
        and any(spans(item, number) for item in node.body)
        and (isinstance(node, ast.Try | ast.TryStar) or suppressed(node))
    )
    return (function.lineno, max(around, default=0))


@lru_cache(maxsize=512)
def _read(source: str, number: int, qualname: str) -> Line:
    tree = parse(source)
    name = qualname.rpartition(".")[2]
    function = innermost_function(tree, number) if tree else None
    if function is None:
        return Line(function=name)
    statement = innermost_statement(function, number)
    if statement is None:
        return Line(function=name)
    awaited = _awaited_name(statement)
    cancels = _cancel_lines(function, awaited) if awaited else []
    return Line(
        function=name,
        awaited=awaited,
        is_yield=any(isinstance(node, ast.Yield) for node in own_nodes(statement)),
        in_finally=_in_finally(function, number),
        guards=tuple(_guards(function, number)),
        cancelled_before=any(line < number for line in cancels),
        cancelled_after=any(line > number for line in cancels),
        is_context_manager=any(
            "contextmanager" in ast.unparse(item) for item in function.decorator_list
        ),
        owes_cleanup=_owes_cleanup(function, number),
        is_tidying=isinstance(statement, ast.With | ast.AsyncWith)
        or _in_finally(function, number)
        or _leaves_by_handler(function, number),
        expression=_expression(statement),
        in_handler=_in_handler(function, number),
        in_loop=_loop(function, number) is not None,
        caught_by=_caught_by(function, number),
        is_shielded=any(
            isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "shield"
            for node in own_nodes(statement)
        ),
    )


_LONGEST = 60
"""Characters of code in a sentence."""


def _expression(statement: ast.stmt) -> str:
    found: ast.expr | None = None
    if isinstance(statement, ast.With | ast.AsyncWith):
        found = statement.items[0].context_expr
    elif isinstance(statement, ast.For | ast.AsyncFor):
        found = statement.iter
    else:
        awaits = [node for node in own_nodes(statement) if isinstance(node, ast.Await)]
        if awaits:
            found = min(awaits, key=lambda node: (node.lineno, node.col_offset)).value
    if found is None:
        return ""
    text = ast.unparse(found)
    if len(text) <= _LONGEST and "\n" not in text:
        return text
    return f"{ast.unparse(found.func)}(…)" if isinstance(found, ast.Call) else ""


def _loop(function: Function, number: int) -> ast.While | ast.For | ast.AsyncFor | None:
    """The innermost loop of ``function`` around the line."""
    found = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.While | ast.For | ast.AsyncFor)
        and any(spans(item, number) for item in node.body)
    ]
    return max(found, key=lambda node: node.lineno, default=None)


_DISCONNECT = frozenset({"WebSocketDisconnect", "Exception", "BaseException"})


def _caught_by(function: Function, number: int) -> int:
    loop = _loop(function, number)
    for node in ast.walk(loop) if loop is not None else ():
        if not isinstance(node, ast.Try) or not any(spans(item, number) for item in node.body):
            continue
        for handler in node.handlers:
            caught = handler.type
            names = caught.elts if isinstance(caught, ast.Tuple) else [caught] if caught else []
            if caught is not None and not _DISCONNECT & last_names(map(ast.unparse, names)):
                continue
            leaves = ast.Break | ast.Return | ast.Raise
            inside = (inner for item in handler.body for inner in ast.walk(item))
            return 0 if any(isinstance(inner, leaves) for inner in inside) else handler.lineno
    return 0


_HOOKS = frozenset({"on_accept", "on_connect", "on_receive", "on_disconnect"})
"""What a class overrides of Litestar's WebsocketListener and Starlette's WebSocketEndpoint."""


def is_hook(place: StackFrame) -> bool:
    """Whether the function of ``place`` is one of the methods that a framework calls for each event."""
    parts = place.function.split(".")
    return len(parts) > 1 and parts[-1] in _HOOKS


def _awaited_name(statement: ast.stmt) -> str:
    for node in own_nodes(statement):
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Name | ast.Attribute):
            return ast.unparse(node.value)
    return ""


def _cancel_lines(function: Function, name: str) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "cancel"
        and ast.unparse(node.func.value) == name
    ]


def _in_finally(function: Function, number: int) -> bool:
    return any(
        any(spans(statement, number) for statement in node.finalbody)
        for node in ast.walk(function)
        if isinstance(node, ast.Try | ast.TryStar)
    )


def _leaves_by_handler(function: Function, number: int) -> bool:
    """Whether the line is in an ``except`` after which the function is left, or no loop goes on."""
    loops = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.While | ast.For | ast.AsyncFor) and spans(node, number)
    ]
    return any(
        isinstance(node, ast.ExceptHandler)
        and any(spans(item, number) for item in node.body)
        and (
            isinstance(node.body[-1], ast.Raise | ast.Return | ast.Break)
            or not any(spans(loop, node.lineno) for loop in loops)
        )
        for node in ast.walk(function)
    )


def _in_handler(function: Function, number: int) -> bool:
    return any(
        isinstance(node, ast.ExceptHandler) and any(spans(item, number) for item in node.body)
        for node in ast.walk(function)
    )


def _owes_cleanup(function: Function, number: int) -> bool:
    return any(
        _tidies(node)
        and any(
            spans(item, number)
            for item in ast.iter_child_nodes(node)
            if isinstance(item, ast.stmt | ast.ExceptHandler)
            and item not in getattr(node, "finalbody", ())
        )
        for node in ast.walk(function)
        if isinstance(node, Block)
    )


def _tidies(node: Block) -> bool:
    """Whether something runs when ``node`` is left by a GeneratorExit."""
    if isinstance(node, ast.With | ast.AsyncWith):
        return len(suppressed(node)) < 1
    return bool(node.finalbody)


def _guards(function: Function, number: int) -> list[str]:
    guards: list[str] = []
    for node in ast.walk(function):
        if isinstance(node, ast.Try | ast.TryStar) and any(
            spans(item, number) for item in node.body
        ):
            guards.extend(
                ast.unparse(handler.type) if handler.type else "everything"
                for handler in node.handlers
            )
        if isinstance(node, ast.With | ast.AsyncWith) and any(
            spans(item, number) for item in node.body
        ):
            guards.extend(suppressed(node))
    return guards


def suppressed(node: ast.With | ast.AsyncWith) -> list[str]:
    return [
        ast.unparse(argument)
        for item in node.items
        if isinstance(item.context_expr, ast.Call)
        and ast.unparse(item.context_expr.func).rpartition(".")[2] == "suppress"
        for argument in item.context_expr.args
    ]


def loop_around(connection: Connection, samples: list[StackFrame]) -> StackFrame:
    """The line that all of ``samples`` (of one function) are on, or the loop that holds them all."""
    first = samples[0]
    numbers = {frame.line for frame in samples}
    tree = parse(connection.recording.sources.get(first.file, ""))
    if tree is None:
        return first
    loops = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.While | ast.For | ast.AsyncFor)
        and all(spans(node, number) for number in numbers)
    ]
    if len(numbers) == 1 and not loops:
        return first
    return replace(first, line=max(loops, default=min(numbers)))

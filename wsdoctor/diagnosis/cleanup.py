"""What the source says of a clean-up that an exception ends: which statements never ran.

A clean-up is a ``finally``, an ``except`` for the end of a connection, an ``__aexit__``, or the method
that a framework calls when the client has left.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from wsdoctor.diagnosis.source import last_names, stops_cancellation, suppressed
from wsdoctor.diagnosis.syntax import Function, innermost_function, parse, spans

_EXITS = frozenset({"__aexit__", "on_disconnect"})

_ENDS = frozenset(
    {
        *("WebSocketDisconnect", "WebSocketDisconnected", "CancelledError", "GeneratorExit"),
        *("ConnectionClosed", "ConnectionClosedOK", "ConnectionClosedError"),
    }
)
"""What an ``except`` names that deals with the end of a connection, or of a task."""

_ANY = frozenset({"", "Exception", "BaseException", "OSError", "ExceptionGroup", "RuntimeError"})
"""What one names that may deal with it: as well with an error in the conversation, which goes on."""

_LOGS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log", "print"})
_TALKS = ("send_", "receive", "accept", "iter_")
_LEAVES = ast.Raise | ast.Return | ast.Break | ast.Continue
_LOOPS = ast.For | ast.AsyncFor | ast.While


@dataclass(frozen=True, slots=True)
class Cut:
    """A function that a CancelledError leaves at one of its lines.

    ``clean_up`` is what the line is part of: ``finally``, ``except``, the name of the function, or "".
    ``goes_on``: if it went well, the conversation might go on. ``lines`` are the statements that never
    run because of it, where they do something; ``last`` are the lines that may be the last to run.
    """

    clean_up: str = ""
    goes_on: bool = False
    lines: tuple[int, ...] = ()
    last: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Level:
    """A statement around the line, ``holds`` it in the block of that name; ``rest`` follows in there."""

    holder: ast.AST
    block: str
    statement: ast.stmt
    rest: tuple[ast.stmt, ...]

    @property
    def tidies(self) -> str:
        """What kind of clean-up the block is: ``finally``, ``except``, or "" for none."""
        if self.block == "finalbody":
            return "finally"
        if isinstance(self.holder, ast.ExceptHandler) and _caught(self.holder) & (_ENDS | _ANY):
            return "except"
        return ""

    @property
    def is_sure(self) -> bool:
        return not isinstance(self.holder, ast.ExceptHandler) or bool(_caught(self.holder) & _ENDS)


@dataclass(frozen=True, slots=True)
class _Names:
    """What a function calls the connection, and which of its variables are others', too."""

    talks: frozenset[str]
    shared: frozenset[str]


@lru_cache(maxsize=512)
def cut(source: str, line: int) -> Cut:
    """What a CancelledError that is raised at ``line`` leaves undone in the function there."""
    tree = parse(source)
    function = innermost_function(tree, line) if tree else None
    levels = [] if function is None else list(_levels(function, line))
    if function is None or not levels:
        return Cut()
    first = next((at for at, level in enumerate(levels) if level.tidies), None)
    if first is not None:
        kind = levels[first].tidies
        loops = any(isinstance(level.holder, _LOOPS) for level in levels[: first + 1])
        goes_on = (loops and not _leaves(levels[first])) or not levels[first].is_sure
    else:
        kind = function.name if function.name in _EXITS else ""
        goes_on = not kind and any(isinstance(level.holder, _LOOPS) for level in levels)
    undone: list[ast.stmt] = []
    last = set(_header(levels[-1].statement))
    for at in range(len(levels) - 1, -1, -1):
        level = levels[at]
        undone += level.rest
        if not _passes(level, levels[at - 1].statement if at else function, undone, last):
            break
        if first is not None and at <= first and _ends_there(level):
            break
    known = _Names(_talks(function), _shared(function))
    return Cut(
        clean_up=kind,
        goes_on=goes_on,
        lines=tuple(sorted({item.lineno for item in undone if _does_something(item, known)})),
        last=frozenset(last),
    )


def _levels(function: Function, line: int) -> Iterator[_Level]:
    """The statements of ``function`` around ``line``, the outermost first."""
    holder: ast.AST = function
    blocks: list[tuple[ast.AST, str]] = [(function, "body")]
    while blocks:
        for holder, name in blocks:
            block: list[ast.stmt] = getattr(holder, name)
            at = next((at for at, item in enumerate(block) if spans(item, line)), None)
            if at is not None:
                break
        else:
            return
        statement = block[at]
        yield _Level(holder, name, statement, tuple(block[at + 1 :]))
        if isinstance(statement, Function | ast.ClassDef):
            return
        blocks = [
            (part, name)
            for part in (
                statement,
                *getattr(statement, "handlers", ()),
                *getattr(statement, "cases", ()),
            )
            for name in ("body", "orelse", "finalbody")
            if getattr(part, name, None)
        ]


def _passes(level: _Level, around: ast.AST, undone: list[ast.stmt], last: set[int]) -> bool:
    """Whether a CancelledError that leaves the block of ``level`` leaves the statement ``around`` it.

    What it skips there is added to ``undone``, and to ``last`` what it may run on its way.
    """
    holder = level.holder
    if isinstance(holder, ast.With | ast.AsyncWith):
        last.update(_header(holder))
        return not last_names(suppressed(holder)) & {"CancelledError", "BaseException"}
    if not isinstance(around, ast.Try | ast.TryStar):
        return True
    if holder is around and level.block == "body":
        if any(stops_cancellation(handler) for handler in around.handlers):
            return False
        undone += around.orelse
        last.update(handler.lineno for handler in around.handlers)
    if level.block != "finalbody" and around.finalbody:
        tail = around.finalbody
        last.update(range(tail[0].lineno, (tail[-1].end_lineno or tail[-1].lineno) + 1))
    return True


def _ends_there(level: _Level) -> bool:
    """Whether what comes after the block of ``level`` is no part of the clean-up any more."""
    if isinstance(level.holder, ast.ExceptHandler):
        return isinstance(level.holder.body[-1], _LEAVES) or not level.is_sure
    return level.block == "finalbody" or isinstance(level.holder, _LOOPS)


def _leaves(level: _Level) -> bool:
    """Whether the clean-up that ``level`` begins ends the loop that it is in."""
    holder = level.holder
    return isinstance(holder, ast.ExceptHandler) and isinstance(
        holder.body[-1], ast.Raise | ast.Return | ast.Break
    )


def _caught(handler: ast.ExceptHandler) -> set[str]:
    if handler.type is None:
        return {""}
    items = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return last_names(ast.unparse(item) for item in items)


def _header(statement: ast.stmt) -> range:
    """The lines of ``statement`` without those of the statements that it holds."""
    body: list[ast.stmt] = getattr(statement, "body", [])
    end = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
    return range(statement.lineno, max(end, statement.lineno) + 1)


def _talks(function: Function) -> frozenset[str]:
    """What ``function`` calls the connection: it accepts it, sends to it or reads from it."""
    return frozenset(
        ast.unparse(node.func.value)
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr.startswith(_TALKS)
    )


def _shared(function: Function) -> frozenset[str]:
    """The variables that are not the function's own."""
    return frozenset(
        name
        for node in ast.walk(function)
        if isinstance(node, ast.Global | ast.Nonlocal)
        for name in node.names
    )


def _is_own(target: ast.expr, known: _Names) -> bool:
    """Whether ``target`` is a variable that ends with the function."""
    return isinstance(target, ast.Name) and target.id not in known.shared


def _does_something(statement: ast.stmt, known: _Names) -> bool:
    """Whether anybody misses ``statement``: it is no return, no log, no variable, no last word."""
    if isinstance(
        statement,
        ast.Pass | ast.Break | ast.Continue | ast.Raise | Function | ast.ClassDef | ast.Global,
    ):
        return False
    inner = [
        item
        for name in ("body", "orelse", "finalbody")
        for part in (statement, *getattr(statement, "handlers", ()))
        for item in getattr(part, name, [])
    ]
    if inner:
        return any(_does_something(item, known) for item in inner)
    if isinstance(statement, ast.Return | ast.Expr):
        value = statement.value
        while isinstance(value, ast.Await):
            value = value.value
        return isinstance(value, ast.Call) and not _is_said(value, known.talks)
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        if all(_is_own(target, known) for target in targets):
            return any(isinstance(node, ast.Call) for node in ast.walk(statement))
        return True
    if isinstance(statement, ast.Delete):
        return not all(_is_own(target, known) for target in statement.targets)
    return False


def _is_said(call: ast.Call, talks: frozenset[str]) -> bool:
    """Whether ``call`` writes a log, or speaks to a connection that is over."""
    if isinstance(call.func, ast.Name):
        message = call.args[0] if call.args else None
        return call.func.id in _LOGS or (call.func.id == "send" and isinstance(message, ast.Dict))
    if not isinstance(call.func, ast.Attribute):
        return False
    name = call.func.attr
    if name in _LOGS:
        return True
    speaks = name == "close" or name.startswith(_TALKS)
    return speaks and ast.unparse(call.func.value) in talks

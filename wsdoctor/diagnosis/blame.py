"""Which line of the user's code, and what that line was doing.

The line comes from what ran (stacks and tracebacks); a look at the source tells what the code
around it does: which task it awaits, whether it cancels it, what it catches.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from msgspec.structs import replace

from wsdoctor.diagnosis.connection import Connection, frame_root
from wsdoctor.diagnosis.exceptions import chain, user_frames
from wsdoctor.recording.events import ExceptionInfo, StackFrame, TaskCreated
from wsdoctor.recording.recording import Recording

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Block = ast.Try | ast.TryStar | ast.With | ast.AsyncWith


@dataclass(frozen=True, slots=True)
class Line:
    """What the source says about one line.

    ``awaited`` is the name that the line awaits (``task`` in ``await task``), ``is_yield`` whether
    it yields, ``guards`` what the ``except`` clauses around it catch, ``cancelled_before`` and
    ``cancelled_after`` whether the function cancels ``awaited`` earlier or later;
    ``is_context_manager`` whether the function is decorated as one; ``owes_cleanup`` whether to
    leave the function from there runs a ``finally``, or ends a ``with``; ``is_tidying`` whether it
    is in a ``finally`` or an ``except``, or enters or leaves a ``with``.
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
    tree = _parse(source)
    function = _innermost_function(tree, number) if tree else None
    if function is None:
        return 0
    found: list[tuple[bool, int, int]] = []
    for node in ast.walk(function):
        line = 0
        if isinstance(node, ast.Try):
            line = next((item.lineno for item in node.handlers if _stops_cancellation(item)), 0)
        elif isinstance(node, ast.With | ast.AsyncWith):
            line = node.lineno if _CANCELLATION & _last_names(_suppressed(node)) else 0
        if line:
            assert isinstance(node, ast.stmt)
            found.append((not _spans(node, number), -node.lineno, line))
    return min(found, default=(False, 0, 0))[-1]


_CANCELLATION = frozenset({"CancelledError", "BaseException"})


def _stops_cancellation(handler: ast.ExceptHandler) -> bool:
    """Whether ``handler`` catches a CancelledError and has no ``raise`` of its own."""
    caught = handler.type
    if caught is not None:
        items = caught.elts if isinstance(caught, ast.Tuple) else [caught]
        if not _CANCELLATION & _last_names(ast.unparse(item) for item in items):
            return False
    return not any(isinstance(node, ast.Raise) for item in handler.body for node in ast.walk(item))


def _last_names(names: Iterable[str]) -> set[str]:
    return {name.rpartition(".")[2] for name in names}


def skipped_after(connection: Connection, place: StackFrame) -> int:
    """The line of what a context manager has after its ``yield`` at ``place``, and nothing guards.

    0 if there is nothing of the kind, if a ``try`` or ``with`` is around the ``yield``, or if it is
    one of several, or in a loop: then the function gives values, and may be left at any of them.
    """
    return _skipped_after(connection.recording.sources.get(place.file, ""), place.line)


@lru_cache(maxsize=512)
def _skipped_after(source: str, number: int) -> int:
    tree = _parse(source)
    function = _innermost_function(tree, number) if tree else None
    if function is None:
        return 0
    following: list[ast.stmt] = []
    block: list[ast.stmt] = function.body
    while True:
        found = next((i for i, item in enumerate(block) if _spans(item, number)), None)
        if found is None:
            return 0
        statement = block[found]
        following = block[found + 1 :] + following
        if not isinstance(statement, ast.If):
            break
        if not any(_spans(item, number) for item in (*statement.body, *statement.orelse)):
            break
        inside = any(_spans(item, number) for item in statement.body)
        block = statement.body if inside else statement.orelse
    if not isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign):
        return 0
    if not any(isinstance(node, ast.Yield) for node in _own_nodes(statement)):
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
    tree = _parse(source)
    function = _innermost_function(tree, number) if tree else None
    if function is None:
        return (number, 0)  # nothing is known of it, so it stands alone
    around = (
        node.lineno
        for node in ast.walk(function)
        if isinstance(node, _Block)
        and any(_spans(item, number) for item in node.body)
        and (isinstance(node, ast.Try | ast.TryStar) or _suppressed(node))
    )
    return (function.lineno, max(around, default=0))


@lru_cache(maxsize=512)
def _read(source: str, number: int, qualname: str) -> Line:
    tree = _parse(source)
    name = qualname.rpartition(".")[2]
    function = _innermost_function(tree, number) if tree else None
    if function is None:
        return Line(function=name)
    statement = _innermost_statement(function, number)
    if statement is None:
        return Line(function=name)
    awaited = _awaited_name(statement)
    cancels = _cancel_lines(function, awaited) if awaited else []
    return Line(
        function=name,
        awaited=awaited,
        is_yield=any(isinstance(node, ast.Yield) for node in _own_nodes(statement)),
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
        or _in_handler(function, number),
    )


@lru_cache(maxsize=64)
def _parse(source: str) -> ast.Module | None:
    try:
        return ast.parse(source) if source else None
    except SyntaxError:
        return None


def _spans(node: ast.stmt | ast.ExceptHandler, number: int) -> bool:
    return node.lineno <= number <= (node.end_lineno or node.lineno)


def _innermost_function(tree: ast.Module, number: int) -> _Function | None:
    found = [
        node for node in ast.walk(tree) if isinstance(node, _Function) and _spans(node, number)
    ]
    return max(found, key=lambda node: node.lineno, default=None)


def _innermost_statement(function: _Function, number: int) -> ast.stmt | None:
    found = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.stmt) and node is not function and _spans(node, number)
    ]
    return min(found, key=lambda node: (node.end_lineno or node.lineno) - node.lineno, default=None)


def _own_nodes(statement: ast.stmt) -> list[ast.AST]:
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


def _awaited_name(statement: ast.stmt) -> str:
    for node in _own_nodes(statement):
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Name | ast.Attribute):
            return ast.unparse(node.value)
    return ""


def _cancel_lines(function: _Function, name: str) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "cancel"
        and ast.unparse(node.func.value) == name
    ]


def _in_finally(function: _Function, number: int) -> bool:
    return any(
        any(_spans(statement, number) for statement in node.finalbody)
        for node in ast.walk(function)
        if isinstance(node, ast.Try | ast.TryStar)
    )


def _in_handler(function: _Function, number: int) -> bool:
    """Whether the line is in an ``except`` after which the function is left, or no loop goes on."""
    loops = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.While | ast.For | ast.AsyncFor) and _spans(node, number)
    ]
    return any(
        isinstance(node, ast.ExceptHandler)
        and any(_spans(item, number) for item in node.body)
        and (
            isinstance(node.body[-1], ast.Raise | ast.Return | ast.Break)
            or not any(_spans(loop, node.lineno) for loop in loops)
        )
        for node in ast.walk(function)
    )


def _owes_cleanup(function: _Function, number: int) -> bool:
    return any(
        _tidies(node)
        and any(
            _spans(item, number)
            for item in ast.iter_child_nodes(node)
            if isinstance(item, ast.stmt | ast.ExceptHandler)
            and item not in getattr(node, "finalbody", ())
        )
        for node in ast.walk(function)
        if isinstance(node, _Block)
    )


def _tidies(node: _Block) -> bool:
    """Whether something runs when ``node`` is left by a GeneratorExit."""
    if isinstance(node, ast.With | ast.AsyncWith):
        return len(_suppressed(node)) < 1
    return bool(node.finalbody)


def _guards(function: _Function, number: int) -> list[str]:
    guards: list[str] = []
    for node in ast.walk(function):
        if isinstance(node, ast.Try | ast.TryStar) and any(
            _spans(item, number) for item in node.body
        ):
            guards.extend(
                ast.unparse(handler.type) if handler.type else "everything"
                for handler in node.handlers
            )
        if isinstance(node, ast.With | ast.AsyncWith) and any(
            _spans(item, number) for item in node.body
        ):
            guards.extend(_suppressed(node))
    return guards


def _suppressed(node: ast.With | ast.AsyncWith) -> list[str]:
    return [
        ast.unparse(argument)
        for item in node.items
        if isinstance(item.context_expr, ast.Call)
        and ast.unparse(item.context_expr.func).rpartition(".")[2] == "suppress"
        for argument in item.context_expr.args
    ]


# --- lines


def place_of(connection: Connection, error: ExceptionInfo) -> StackFrame | None:
    """The user's line at which ``error`` left the handler.

    It is the innermost user frame of the handler's own task. Frames of a task that it awaited lie
    further inside the same traceback: the walk ends where such a task begins. If the traceback has
    no user frame, the exception may have passed through the ``yield`` of a context manager:
    contextlib takes that frame out of the traceback. Of several, one within the other, it is the
    outermost, which the framework entered. None if no code of the user's was involved.
    """
    for link in chain(error):
        own: list[StackFrame] = []
        for frame in link.stack:
            if own and frame_root(frame) in connection.task_roots:
                break
            if frame.user:
                own.append(frame)
        if own:
            return own[-1]
    for place in connection.suspended:
        if read(connection, place).is_context_manager:
            return place
    return None


def origin_of(connection: Connection, task: TaskCreated) -> StackFrame | None:
    """The user's line that started ``task``, or the nearest task above it that the user started."""
    seen: set[int] = set()
    current: TaskCreated | None = task
    while current is not None and current.task not in seen:
        seen.add(current.task)
        if current.stack:
            return current.stack[-1]
        current = connection.tasks.get(current.parent)
    return connection.recording.handler


def handler_frame(connection: Connection, stack: tuple[StackFrame, ...]) -> StackFrame | None:
    """The user's outermost frame of ``stack``, that of the route's handler if it is in it."""
    handler = connection.recording.handler
    own = [frame for frame in stack if frame.user]
    for frame in own:
        if handler is not None and (frame.file, frame.first_line) == (
            handler.file,
            handler.first_line,
        ):
            return frame
    return own[0] if own else handler


def innermost(connection: Connection, stack: tuple[StackFrame, ...]) -> StackFrame | None:
    """The innermost user frame of ``stack``, or the handler's definition."""
    for frame in reversed(stack):
        if frame.user:
            return frame
    return connection.recording.handler


def raised_at(error: ExceptionInfo) -> StackFrame | None:
    """The innermost user frame of the whole traceback: where it was raised, for evidence."""
    frames = user_frames(error)
    return frames[-1] if frames else None


def where(place: StackFrame | None) -> str:
    """``place`` in a sentence: ``app.py:14``."""
    if place is None:
        return "outside your code"
    return f"{place.file.replace(chr(92), '/').rpartition('/')[2]}:{place.line}"


def subject(connection: Connection, place: StackFrame | None) -> str:
    """The function of ``place`` in a sentence: ``lifespan``; the handler's route without one."""
    return (
        f"`{place.function.rpartition('.')[2]}`"
        if place
        else f"the handler of {connection.recording.case.route}"
    )


def loop_around(connection: Connection, samples: list[StackFrame]) -> StackFrame:
    """The line that all of ``samples`` (of one function) are on, or the loop that holds them all."""
    first = samples[0]
    numbers = {frame.line for frame in samples}
    tree = _parse(connection.recording.sources.get(first.file, ""))
    if tree is None:
        return first
    loops = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.While | ast.For | ast.AsyncFor)
        and all(_spans(node, number) for number in numbers)
    ]
    if len(numbers) == 1 and not loops:
        return first
    return replace(first, line=max(loops, default=min(numbers)))

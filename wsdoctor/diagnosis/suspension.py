"""The await points of the handler, and of the user's functions that it calls: which were reached."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from wsdoctor.diagnosis.exceptions import is_cancelled
from wsdoctor.diagnosis.syntax import parse
from wsdoctor.recording.events import (
    ClientActed,
    ReceiveCalled,
    ReceiveReturned,
    SendCalled,
    Stack,
    StackFrame,
    TaskCreated,
)
from wsdoctor.recording.recording import Recording


class AwaitReached(Struct, frozen=True):
    """An ``await``, ``async for`` or ``async with`` of the user's, and whether it was reached."""

    place: StackFrame
    reached: bool


class Conversation(Struct, frozen=True):
    """What one conversation with a route reached.

    ``waits`` is the user's line that still waited for a message when the client left, ``heard``
    whether the application had received one.
    """

    points: tuple[AwaitReached, ...]
    waits: StackFrame | None
    heard: bool


def conversation_of(recording: Recording) -> Conversation:
    """What the conversation of ``recording``, whose lines were observed, reached."""
    return Conversation(
        points=await_points(recording),
        waits=waits_for_a_message(recording),
        heard=_heard(recording),
    )


def await_points(recording: Recording) -> tuple[AwaitReached, ...]:
    """Those of the handler, of the functions that ran for a client and of the tasks that these may start.

    They are in the order of the source, and empty if nothing noted which lines ran.
    """
    if recording.ran is None:
        return ()
    lines = {(ran.function.file, ran.function.first_line): ran.lines for ran in recording.ran}
    functions = dict.fromkeys(_of_handler(recording))
    functions |= {ran.function: None for ran in recording.ran}
    known = {(function.file, function.first_line) for function in functions}
    every = [*functions]
    for function in every:
        for started in _started_by(function, recording.sources.get(function.file, "")):
            if (started.file, started.first_line) not in known:
                known.add((started.file, started.first_line))
                every.append(started)
    found: dict[tuple[str, int], AwaitReached] = {}
    for function in every:
        ran = lines.get((function.file, function.first_line), ())
        for line in _points(recording.sources.get(function.file, ""), function):
            place = StackFrame(
                file=function.file,
                line=line,
                function=function.function,
                user=True,
                first_line=function.first_line,
            )
            found.setdefault((function.file, line), AwaitReached(place, line in ran))
    return tuple(found[key] for key in sorted(found))


def united(points: Iterable[AwaitReached]) -> tuple[AwaitReached, ...]:
    """Each of ``points`` once, reached if it was reached anywhere, in the order of the source."""
    found: dict[tuple[str, int], AwaitReached] = {}
    for point in points:
        key = (point.place.file, point.place.line)
        if key not in found or point.reached:
            found[key] = point
    return tuple(found[key] for key in sorted(found))


def waits_for_a_message(recording: Recording) -> StackFrame | None:
    """The user's line that still waited for a message when the client left; else None.

    Of a framework that waits for a listener of the user's, it is the head of the listener.
    """
    call = waiting_call(recording)
    if call is None:
        return None
    if call.stack:
        return call.stack[-1]
    return recording.handler if takes_messages(recording) else None


def takes_messages(recording: Recording) -> bool:
    """Whether the framework gives the handler each message: as ``data``, or by ``on_receive``."""
    handler = recording.handler
    tree = None if handler is None else parse(recording.sources.get(handler.file, ""))
    if handler is None or tree is None:
        return False
    for node in ast.walk(tree):
        if not isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef | ast.ClassDef):
            continue
        if handler.line not in {node.lineno, _first_line(node)}:
            continue
        if isinstance(node, ast.ClassDef):
            return any(getattr(item, "name", "") == "on_receive" for item in node.body)
        arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        return any(argument.arg == "data" for argument in arguments)
    return False


def waiting_call(recording: Recording) -> ReceiveCalled | None:
    """The call of ``receive()`` that still waited when the client left or the application closed, if one did.

    Else the last one that the application has given up since the last message: the time for the first
    message was over, say. Where a task of the framework's calls it (``create_task(websocket.receive_text())``,
    and ``asyncio.wait_for`` before Python 3.12), ``stack`` is where the task was made.
    """
    waiting: dict[int, ReceiveCalled] = {}
    given_up: ReceiveCalled | None = None
    made: dict[int, Stack] = {}
    for event in recording.events:
        if isinstance(event, ClientActed) and event.disconnects:
            break
        if getattr(event, "connection", 0) != 1:
            continue
        if isinstance(event, SendCalled) and event.message == "websocket.close" and waiting:
            break
        if isinstance(event, TaskCreated):
            made[event.task] = event.stack
        elif isinstance(event, ReceiveCalled):
            waiting[event.call] = replace(event, stack=event.stack or made.get(event.task, ()))
        elif isinstance(event, ReceiveReturned):
            call = waiting.pop(event.call, None)
            cancelled = event.exception is not None and is_cancelled(event.exception)
            given_up = call if cancelled else None
    return next(iter(waiting.values()), given_up)


def _heard(recording: Recording) -> bool:
    """Whether the application received a message of the client's."""
    return any(
        isinstance(event, ReceiveReturned)
        and event.connection == 1
        and event.message == "websocket.receive"
        for event in recording.events
    )


def _of_handler(recording: Recording) -> Iterator[StackFrame]:
    """The handler, or the methods of a handler that is a class."""
    handler = recording.handler
    tree = None if handler is None else parse(recording.sources.get(handler.file, ""))
    if handler is None or tree is None:
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.AsyncFunctionDef | ast.ClassDef) or handler.line not in {
            node.lineno,
            _first_line(node),
        }:
            continue
        functions = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for function in functions:
            if isinstance(function, ast.AsyncFunctionDef):
                name = handler.function if not prefix else f"{prefix}{function.name}"
                yield StackFrame(
                    file=handler.file,
                    line=function.lineno,
                    function=name,
                    user=True,
                    first_line=_first_line(function),
                )


_STARTS = frozenset({"create_task", "ensure_future", "gather"})
"""Last names of the functions that start a task for a coroutine that they are given."""


def _started_by(function: StackFrame, source: str) -> Iterator[StackFrame]:
    """The coroutine functions of the same file that ``function`` starts tasks for: ``create_task(f())``."""
    tree = parse(source)
    if tree is None:
        return
    defined = [*_defined(tree)]
    own = next((node for _, node in defined if _first_line(node) == function.first_line), None)
    for node in ast.walk(own) if own is not None else ():
        if not isinstance(node, ast.Call) or _last_name(node.func) not in _STARTS:
            continue
        for coroutine in (argument for argument in node.args if isinstance(argument, ast.Call)):
            method = isinstance(coroutine.func, ast.Attribute)
            named = [
                (name, found)
                for name, found in defined
                if found.name == _last_name(coroutine.func) and _is_method(name) == method
            ]
            if len(named) == 1:  # else the source does not tell which one
                name, found = named[0]
                yield StackFrame(
                    file=function.file,
                    line=found.lineno,
                    function=name,
                    user=True,
                    first_line=_first_line(found),
                )


def _defined(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.AsyncFunctionDef]]:
    """The coroutine functions in ``node`` with their qualified names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.AsyncFunctionDef):
            yield f"{prefix}{child.name}", child
        if isinstance(child, ast.AsyncFunctionDef | ast.FunctionDef):
            yield from _defined(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _defined(child, f"{prefix}{child.name}.")
        else:
            yield from _defined(child, prefix)


def _is_method(name: str) -> bool:
    """Whether the function of that qualified name is a method of a class."""
    return name.rpartition("<locals>.")[2].count(".") > 0


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _first_line(node: ast.AsyncFunctionDef | ast.FunctionDef | ast.ClassDef) -> int:
    """The line that Python gives as the first of its code: that of its first decorator."""
    return min([node.lineno, *(item.lineno for item in node.decorator_list)])


def _points(source: str, function: StackFrame) -> list[int]:
    """The lines of the function's own await points."""
    tree = parse(source)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.AsyncFunctionDef) and _first_line(node) == function.first_line:
            return sorted({line for statement in node.body for line in _own(statement)})
    return []


def _own(node: ast.AST) -> Iterator[int]:
    """The lines of the await points in ``node``, without those of functions in it."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        return
    if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
        yield node.lineno
    if isinstance(node, ast.comprehension) and node.is_async:
        yield node.iter.lineno
    for child in ast.iter_child_nodes(node):
        yield from _own(child)

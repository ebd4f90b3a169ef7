"""The await points of the handler, and of the user's functions that it calls: which were reached."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from wsdoctor.diagnosis.dispatch import functions_of, is_function, lookup
from wsdoctor.diagnosis.exceptions import is_cancelled
from wsdoctor.diagnosis.program import Found, Program, last_name
from wsdoctor.diagnosis.syntax import Function, parse
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
    """Those of the handler, of the functions that ran for a client and of those that these may start, or look up.

    They are in the order of the source, and empty if nothing noted which lines ran.
    """
    if recording.ran is None:
        return ()
    lines = {(ran.function.file, ran.function.first_line): ran.lines for ran in recording.ran}
    functions = dict.fromkeys(_of_handler(recording))
    functions |= {ran.function: None for ran in recording.ran}
    known = {(function.file, function.first_line) for function in functions}
    every = [*functions]
    program = program_of(recording)
    for function in every:
        for started in _led_to(function, program):
            if (started.file, started.first_line) not in known:
                known.add((started.file, started.first_line))
                every.append(started)
    found: dict[tuple[str, int], AwaitReached] = {}
    for function in every:
        ran = lines.get((function.file, function.first_line), ())
        for line in _points(program.tree(function.file), function):
            place = StackFrame(
                file=function.file,
                line=line,
                function=function.function,
                user=True,
                first_line=function.first_line,
            )
            found.setdefault((function.file, line), AwaitReached(place, line in ran))
    return tuple(found[key] for key in sorted(found))


def program_of(recording: Recording) -> Program:
    """The user's files that ``recording`` knows, those that these import included."""
    return _program((*{**recording.imported, **recording.sources}.items(),))


@lru_cache(maxsize=8)
def _program(sources: tuple[tuple[str, str], ...]) -> Program:
    """The same one for the same files: the conversations with a route are looked at many times."""
    return Program(dict(sources))


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

    If a framework waits for a listener of the user's, it is the head of the listener.
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


_STARTS = frozenset(
    {
        *("create_task", "ensure_future", "gather", "as_completed", "Task"),
        *("run_coroutine_threadsafe", "start_soon", "start", "spawn", "add_task"),
        "start_background_task",
    }
)
"""Last names of the functions that start a task for a coroutine, or for a function, that they are given."""


def _led_to(function: StackFrame, program: Program) -> Iterator[StackFrame]:
    """The functions of the user's that ``function`` starts tasks for, or finds in a table, or calls without ``await``.

    They are ``f`` in ``create_task(f())``, ``start_soon(f)``, ``HANDLERS = {"join": f}`` with
    ``HANDLERS[kind]()``, and a plain function, which may start a task.
    """
    file = function.file
    own = next(
        (node for node in program.functions(file) if _first_line(node) == function.first_line),
        None,
    )
    for node in ast.walk(own) if own is not None else ():
        led: list[Found] = []
        if isinstance(node, ast.Call):
            led += [
                found
                for found, _ in functions_of(node.func, file, program)
                if isinstance(found.node, ast.FunctionDef)
            ]
            if last_name(node.func) in _STARTS:
                for given in (*node.args, *(keyword.value for keyword in node.keywords)):
                    led += _started(given, file, program)
        if (found := lookup(node, file, program, every=True)) is not None:
            for entry in found.entries:
                led += (one for one, _ in functions_of(entry.value, entry.file, program))
        for item in led:
            if isinstance(item.node, Function):
                yield StackFrame(
                    file=item.file,
                    line=item.node.lineno,
                    function=program.qualified_name(item.node, item.file),
                    user=True,
                    first_line=_first_line(item.node),
                )


def _started(given: ast.AST, file: str, program: Program) -> Iterator[Found]:
    """The functions that run when something is started that is ``given``: a coroutine, a function, several."""
    match given:
        case ast.Starred(value=inner) | ast.Lambda(body=inner):
            yield from _started(inner, file, program)
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            for item in items:
                yield from _started(item, file, program)
        case ast.ListComp(elt=inner) | ast.GeneratorExp(elt=inner) | ast.SetComp(elt=inner):
            yield from _started(inner, file, program)
        case ast.IfExp(body=one, orelse=other):
            yield from _started(one, file, program)
            yield from _started(other, file, program)
        case ast.Call(func=func) if not any(functions_of(given, file, program)):
            yield from _functions(func, file, program)
        case ast.Name() if (found := program.find(given, file)) and not is_function(found):
            if isinstance(found.node, ast.Call):
                yield from _started(found.node, found.file, program)
        case ast.expr():
            yield from _functions(given, file, program)


def _functions(node: ast.expr, file: str, program: Program) -> Iterator[Found]:
    """The function that ``node`` names, or the one method of that name if the source does not tell whose it is."""
    named = [found for found, _ in functions_of(node, file, program)]
    if named or not isinstance(node, ast.Attribute) or program.find(node, file) is not None:
        yield from named
        return
    methods = [
        item
        for item in program.functions(file)
        if item.name == node.attr and program.is_method(item, file)
    ]
    if len(methods) == 1:
        yield Found(methods[0], file)


def _first_line(node: ast.AsyncFunctionDef | ast.FunctionDef | ast.ClassDef) -> int:
    """The line that Python gives as the first of its code: that of its first decorator."""
    return min([node.lineno, *(item.lineno for item in node.decorator_list)])


def _points(tree: ast.Module | None, function: StackFrame) -> list[int]:
    """The lines of the function's own await points."""
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

"""What the source says of a container: where a function puts an element in, and takes it out again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.syntax import Function, comes_to, innermost_statement, parse
from wsdoctor.recording.events import AsyncGeneratorStarted, StackFrame

_PUTS = frozenset({"add", "append", "appendleft", "insert", "put", "put_nowait"})
_TAKES = frozenset({"discard", "pop", "remove"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A place where an element is put in, and one in the same function that takes the same one out."""

    put: StackFrame
    take: StackFrame | None = None
    taking: str = ""
    """How that is written: ``seats.remove(number)``."""
    owed: bool = False
    """Whether code that has put the element in is to come to the place that takes it out, and both
    are about the container itself: a room that is kept is not owed what its members are."""


@dataclass(frozen=True, slots=True)
class _Use:
    line: int
    puts: bool
    element: str
    text: str
    direct: bool
    """It is an element of the container itself, not of one within it."""


def entries(connection: Connection, name: str) -> tuple[Entry, ...]:
    """Where something is put into what is called ``name``, or ends so, while the handler runs.

    Of all functions in the recorded sources these are the ones in which the connection was seen, the
    handler first. What they call and what does not wait itself was not.
    """
    recording = connection.recording
    handler = recording.handler
    seen = _seen_in(connection)
    found = [
        entry
        for file, source in recording.sources.items()
        for entry in _entries(file, source, name)
        if (file, entry.put.first_line) in seen
    ]
    found.sort(key=lambda entry: handler is None or entry.put.first_line != handler.first_line)
    return tuple(found)


def _seen_in(connection: Connection) -> frozenset[tuple[str, int]]:
    """The user's functions in which something of this connection was seen: file and first line."""
    frames: list[StackFrame] = []
    if (handler := connection.recording.handler) is not None:
        frames.append(handler)
    for event in connection.events:
        frames += getattr(event, "stack", ())
        for stack in getattr(event, "stacks", ()):
            frames += stack.stack
        if isinstance(event, AsyncGeneratorStarted) and event.location is not None:
            frames.append(event.location)
    return frozenset((frame.file, frame.first_line) for frame in frames if frame.user)


@lru_cache(maxsize=512)
def _entries(file: str, source: str, name: str) -> tuple[Entry, ...]:
    tree = parse(source)
    if tree is None:
        return ()
    found: list[Entry] = []
    for function in (node for node in ast.walk(tree) if isinstance(node, Function)):
        uses = list(_uses(function, name))
        takes = {use.element: use for use in uses if not use.puts}
        for use in uses:
            if not use.puts:
                continue
            put = frame_in(file, function, use.line)
            if (take := takes.get(use.element)) is None:
                found.append(Entry(put))
            else:
                taken = frame_in(file, function, take.line)
                found.append(Entry(put, taken, take.text, _owes(function, use, take)))
    return tuple(found)


def _owes(function: Function, use: _Use, take: _Use) -> bool:
    if not (use.direct and take.direct):
        return False
    first, later = (innermost_statement(function, item.line) for item in (use, take))
    return first is not None and later is not None and comes_to(function, first, later)


def is_owed(source: str, name: str) -> bool:
    """Whether a function in ``source`` is to take out again what it puts into what is called ``name``."""
    return any(entry.owed for entry in _entries("", source, name))


def _uses(function: Function, name: str) -> Iterator[_Use]:
    """What ``function`` itself, without the functions in it, puts in and takes out."""
    waiting: list[ast.AST] = [*function.body]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, Function | ast.Lambda | ast.ClassDef):
            continue
        yield from _used(node, name)
        waiting.extend(ast.iter_child_nodes(node))


def _used(node: ast.AST, name: str) -> Iterator[_Use]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        verb = node.func.attr
        if (verb in _PUTS or verb in _TAKES) and root_of(node.func.value) == name:
            element = node.args[-1] if verb == "insert" else node.args[0]
            puts, direct = verb in _PUTS, _is_name(node.func.value)
            yield _Use(node.lineno, puts, ast.unparse(element), ast.unparse(node), direct)
        elif verb == "setdefault" and root_of(node.func.value) == name:
            direct = _is_name(node.func.value)
            yield _Use(node.lineno, True, ast.unparse(node.args[0]), ast.unparse(node), direct)
    elif isinstance(node, ast.Assign | ast.Delete):
        for target in node.targets:
            if isinstance(target, ast.Subscript) and root_of(target.value) == name:
                puts, direct = isinstance(node, ast.Assign), _is_name(target.value)
                yield _Use(node.lineno, puts, ast.unparse(target.slice), ast.unparse(node), direct)


def _is_name(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Name | ast.Attribute)


def root_of(expression: ast.expr) -> str:
    """What is used, without what is looked up in it: ``rooms`` of ``self.rooms[room]``."""
    while True:
        if isinstance(expression, ast.Subscript):
            expression = expression.value
        elif isinstance(expression, ast.Call) and isinstance(expression.func, ast.Attribute):
            expression = expression.func.value
        else:
            break
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""


def frame_in(file: str, function: Function, line: int) -> StackFrame:
    """``line`` of ``function`` as a place."""
    first = min((node.lineno for node in function.decorator_list), default=function.lineno)
    return StackFrame(file=file, line=line, function=function.name, user=True, first_line=first)

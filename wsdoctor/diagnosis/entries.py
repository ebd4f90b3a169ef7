"""What the source says of a container: where an element is put in, and where it is taken out again.

Both stand in one function, or in two of which one is to run if the other one has: a manager's ``join``
and ``leave``, the hooks of a framework.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from wsdoctor.diagnosis.bounds import is_bounded, renewed
from wsdoctor.diagnosis.calls import Calls, calls_in
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.meaning import Meaning, meaning_of
from wsdoctor.diagnosis.syntax import (
    Function,
    comes_to,
    innermost_statement,
    parse,
    root_expression,
    root_of,
)
from wsdoctor.recording.events import AsyncGeneratorStarted, Holder, StackFrame

_PUTS = frozenset({"add", "append", "appendleft", "insert", "put", "put_nowait"})
_TAKES = frozenset({"discard", "pop", "remove"})

_LAST = ""
"""The element of a ``pop()``: whichever was put in last. It is the same one only where that cannot be another."""

_BEGINS = frozenset({"websocket.connect", "websocket.accept"})
_ENDS = frozenset({"websocket.close", "websocket.disconnect"})
"""Messages with which a connection begins, and ends (ASGI specification, "WebSocket")."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A place where an element is put in, and one that takes the same one out."""

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
    constant: bool
    """The element is written down: it is not one of each client."""
    own: bool
    """It is a container of ``self``."""
    of: ast.expr
    """The container, as it is written."""


def entries(connection: Connection, holder: Holder) -> tuple[Entry, ...]:
    """Where something is put into ``holder``, or taken out, while the handler runs.

    The entries are in functions in which the connection was seen, the handler first. Functions that
    these call, and that do not wait themselves, are not included.
    """
    recording = connection.recording
    handler = recording.handler
    seen = _seen_in(connection)
    meaning = meaning_of(recording.sources, holder)
    found = [
        entry
        for file, source in recording.sources.items()
        for entry in _entries(file, source, holder.name, meaning)
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
def _entries(file: str, source: str, name: str, meaning: Meaning) -> tuple[Entry, ...]:
    tree = parse(source)
    if tree is None:
        return ()
    found: list[Entry] = []
    for function in (node for node in ast.walk(tree) if isinstance(node, Function)):
        uses = [
            use for use in _uses(function, name) if meaning.in_expression(file, function, use.of)
        ]
        takes = {use.element: use for use in uses if not use.puts}
        for use in uses:
            if not use.puts:
                continue
            put = frame_in(file, function, use.line)
            take = takes.get(use.element)
            if take is None and (last := takes.get(_LAST)) and _owes(function, use, last):
                take = last
            if take is None:
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


def is_owed(sources: Mapping[str, str], holder: Holder) -> bool:
    """Whether some code in ``sources`` is to take out again what it puts into ``holder``."""
    meaning = meaning_of(sources, holder)
    inside = _entries(holder.file, sources.get(holder.file, ""), holder.name, meaning)
    return any(entry.owed for entry in (*inside, *entries_across(sources, holder)))


def entries_across(sources: Mapping[str, str], holder: Holder) -> tuple[Entry, ...]:
    """Where something is put into ``holder`` by one function, and is to be taken out by another one.

    It is to be taken out if the code that calls the first function should also call the second; if the
    two mark the beginning and the end of a connection; or if nothing calls the second, and the first one
    is called before a client's messages are read. A container that is kept small otherwise needs none
    of this.
    """
    if is_bounded(sources, holder):
        return ()
    uses = [found for file, text in sources.items() for found in _placed(file, text, holder.name)]
    meaning = meaning_of(sources, holder)
    uses = [found for found in uses if _is_meant(found, holder, meaning)]
    calls = calls_in(tuple(sources.values()))
    out = [item for item in uses if not item.use.puts]
    found: list[Entry] = []
    for put in (item for item in uses if item.use.puts):
        pairs = [
            (take, how)
            for take in out
            if take.use.direct is put.use.direct
            and take.use.constant is put.use.constant
            and (take.cls is put.cls or not (take.use.own and put.use.own))
            and (how := _how(calls, put, take))
        ]
        if len(pairs) < len(out):  # the code that is used may be the one that is meant to
            pairs = [pair for pair in pairs if pair[1] != "unused"]
        if pairs:
            take, how = min(pairs, key=lambda pair: pair[1] != "owed")
            owed = how == "owed" and put.use.direct and not _is_looked_up(put, holder.name)
            found.append(Entry(put.frame, take.frame, take.use.text, owed))
    return tuple(found)


def _is_looked_up(put: _Placed, name: str) -> bool:
    """Whether an element may be there before it is put in, as in a cache."""
    return bool(put.under) or any(
        (
            isinstance(node, ast.Compare)
            and any(isinstance(op, ast.In | ast.NotIn) for op in node.ops)
            and any(root_of(item) == name for item in node.comparators)
        )
        or (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"get", "setdefault"}
            and root_of(node.func.value) == name
        )
        for node in ast.walk(put.function)
    )


def takes(sources: Mapping[str, str], holder: Holder) -> tuple[Entry, ...]:
    """The places that remove an element from ``holder``."""
    meaning = meaning_of(sources, holder)
    return tuple(
        Entry(found.frame, found.frame, found.use.text)
        for file, text in sources.items()
        for found in _placed(file, text, holder.name)
        if not found.use.puts and _is_meant(found, holder, meaning)
    )


def uses_in(source: str, name: str) -> bool:
    """Whether ``source`` puts something into what is called ``name``, or takes something out."""
    return name in source and bool(_placed("", source, name))


@dataclass(frozen=True, slots=True)
class _Placed:
    """A use, and where it stands: the function, its class, and the conditions that it stands ``under``."""

    use: _Use
    function: Function
    node: ast.stmt
    cls: ast.ClassDef | None
    frame: StackFrame
    under: tuple[ast.AST, ...]


@lru_cache(maxsize=512)
def _placed(file: str, source: str, name: str) -> tuple[_Placed, ...]:
    tree = parse(source) if name in source else None
    found: list[_Placed] = []
    for holder in ast.walk(tree) if tree is not None else ():
        for function in (
            item for item in ast.iter_child_nodes(holder) if isinstance(item, Function)
        ):
            for use in _uses(function, name):
                if use.element == _LAST:
                    continue
                if (node := innermost_statement(function, use.line)) is not None:
                    cls = holder if isinstance(holder, ast.ClassDef) else None
                    frame = frame_in(file, function, use.line)
                    under = tuple(_conditions(function, node))
                    found.append(_Placed(use, function, node, cls, frame, under))
    return tuple(found)


def _conditions(function: Function, node: ast.stmt) -> Iterator[ast.AST]:
    """The tests, and the patterns, that ``node`` in ``function`` stands under."""
    for part in ast.walk(function):
        if isinstance(part, ast.If) and any(
            node is item for one in part.body for item in ast.walk(one)
        ):
            yield part.test
        elif isinstance(part, ast.match_case) and any(
            node is item for one in part.body for item in ast.walk(one)
        ):
            yield part.pattern


def _is_meant(found: _Placed, holder: Holder, meaning: Meaning) -> bool:
    """Whether that may be ``holder``, and is not only called as it is."""
    if (
        found.use.own
        and found.cls is not None
        and (holder.kind == "global" or holder.owner == "app.state")
    ):
        return False
    return meaning.in_expression(found.frame.file, found.function, found.use.of)


def _how(calls: Calls, put: _Placed, take: _Placed) -> str:
    """Why what is put in there is to be taken out here: ``owed``, ``told``, or ``unused``; or empty."""
    if put.function is not take.function and calls.owes(
        put.node, put.function, take.node, take.function
    ):
        return "owed"
    if _told(put, _BEGINS) and _told(take, _ENDS):
        return "told"
    if (
        put.function is not take.function
        and calls.is_unused(take.function)
        and calls.precedes_loop(put.node, put.function)
    ):
        return "unused"
    return ""


def _told(found: _Placed, messages: frozenset[str]) -> bool:
    """Whether that runs for one of these ``messages``."""
    return any(
        isinstance(part, ast.Constant) and part.value in messages
        for test in found.under
        for part in ast.walk(test)
    )


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
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
        if node.func.attr == "pop" and root_of(node.func.value) == name:
            yield replace(_use(node, node, node.func.value, puts=False), element=_LAST)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        verb = node.func.attr
        if (verb in _PUTS or verb in _TAKES) and root_of(node.func.value) == name:
            element = node.args[-1] if verb == "insert" else node.args[0]
            yield _use(node, element, node.func.value, puts=verb in _PUTS)
        elif verb == "setdefault" and root_of(node.func.value) == name:
            yield _use(node, node.args[0], node.func.value, puts=True)
    elif isinstance(node, ast.Assign | ast.Delete):
        for target in node.targets:
            yield from _set(node, target, name)


def _set(node: ast.Assign | ast.Delete, target: ast.expr, name: str) -> Iterator[_Use]:
    """The same of one target of an assignment, or of a ``del``."""
    if root_of(target) != name:
        return
    if isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
        yield _use(node, target.slice, target.value, puts=isinstance(node, ast.Assign))
    elif isinstance(node, ast.Assign) and _is_name(target) and "one" in renewed(node.value, name):
        yield _use(node, node.value, target, puts=False)


def _use(node: ast.expr | ast.stmt, element: ast.expr, of: ast.expr, *, puts: bool) -> _Use:
    direct, constant = _is_name(of), isinstance(element, ast.Constant)
    root = root_expression(of)
    own = (
        isinstance(root, ast.Attribute)
        and isinstance(root.value, ast.Name)
        and root.value.id in {"self", "cls"}
    )
    text = ast.unparse(node)
    return _Use(node.lineno, puts, ast.unparse(element), text, direct, constant, own, of)


def _is_name(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Name | ast.Attribute)


def frame_in(file: str, function: Function, line: int) -> StackFrame:
    """``line`` of ``function`` as a place."""
    first = min((node.lineno for node in function.decorator_list), default=function.lineno)
    return StackFrame(file=file, line=line, function=function.name, user=True, first_line=first)

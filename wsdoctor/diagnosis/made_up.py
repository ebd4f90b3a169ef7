"""A message of wsdoctor's own making, for a handler that waits for one: read from its source.

How the message is read (``receive_json()``, the annotation of a listener's ``data``) says whether it is
text, bytes or JSON. The keys that the source subscripts, the constants that it compares them with and
the fields of the classes that it makes of the message say what JSON it is.
"""

from __future__ import annotations

import ast
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from wsdoctor.diagnosis.message import Shape, Sight
from wsdoctor.diagnosis.models import NUMBER, TEXT, add_type, takes_class
from wsdoctor.diagnosis.program import Program, last_name
from wsdoctor.diagnosis.reading import DEPTH, Look, name_of
from wsdoctor.diagnosis.suspension import program_of, takes_messages, waiting_call
from wsdoctor.diagnosis.syntax import Function, innermost_function
from wsdoctor.recording.case import SendStep
from wsdoctor.recording.events import StackFrame
from wsdoctor.recording.recording import Recording

_READS = {
    "receive_text": "text",
    "iter_text": "text",
    "receive_bytes": "bytes",
    "iter_bytes": "bytes",
    "receive_json": "json",
    "iter_json": "json",
}
"""Methods of the frameworks' WebSockets, and what they read."""

_BRANCHES = 3
"""How many branches of a handler a message is made up for."""


def made_up_messages(recording: Recording) -> tuple[SendStep, ...]:
    """What the handler of ``recording`` may understand, the likeliest first; empty if it waits for nothing."""
    program = program_of(recording)
    readings = _readings(recording, program)
    if readings is None:
        return (SendStep(text=TEXT), SendStep(text="{}"))
    return (*dict.fromkeys(_written(readings, Sight(program))),) if readings else ()


def messages_of_branches(recording: Recording) -> tuple[SendStep, ...]:
    """One message for each branch that the handler takes by what a message says; the last one for none of them."""
    program = program_of(recording)
    readings = _readings(recording, program)
    if not readings:
        return ()
    whole = Sight(program)
    _shape_of(readings, whole)
    branches = [*whole.branches, None] if whole.branches else []
    found: list[SendStep] = []
    waiting = deque(branches)
    while waiting:  # the first few, and then the last one
        branch = waiting.popleft() if len(found) < _BRANCHES else waiting.pop()
        step = next(_written(readings, whole.only(branch)))
        if step not in found:
            found.append(step)
            if len(found) > _BRANCHES:
                break
    return (*found,)


def _readings(recording: Recording, program: Program) -> list[_Reading] | None:
    """The functions that read the message that the handler waits for, innermost first; None if unknown.

    Each but the last passes the message on to the next. Empty if the handler waits for no message.
    """
    call, handler = waiting_call(recording), recording.handler
    if call is None or (not call.stack and not takes_messages(recording)):
        return []
    stack = call.stack[::-1]
    trees = [program.tree(place.file) for place in stack]
    # A function further in may only be a middleware's, around the ``receive`` that a framework calls.
    first = next(
        (
            depth
            for depth, (tree, place) in enumerate(zip(trees, stack, strict=True))
            if tree is not None and _calls_a_framework(tree, place)
        ),
        None,
    )
    if first is None and handler is not None and takes_messages(recording):
        tree = program.tree(handler.file)
        reading = None if tree is None else _listener(tree, handler)
        return [] if reading is None else [reading]
    found: list[_Reading] = []
    for tree, place in [*zip(trees, stack, strict=True)][first or 0 :]:
        reading = None if tree is None else _reading(tree, place, calls=bool(found))
        if reading is None:
            return None
        found.append(reading)
        if not reading.returned:
            break
    return found


@dataclass(slots=True)
class _Reading:
    """How a function reads: ``how`` is text, bytes, json or raw; ``function`` has the message as ``names``."""

    how: str
    file: str
    function: Function
    names: set[str]
    annotation: ast.expr | None = None
    returned: bool = False
    """The function only hands it on to who called it."""


def _written(readings: list[_Reading], sight: Sight) -> Iterator[SendStep]:
    how = readings[0].how
    shape = _shape_of(readings, sight)
    binary = how == "bytes"
    if how == "raw":  # the event of the ASGI specification
        binary = "bytes" in shape.keys and "text" not in shape.keys
        shape = shape.keys.get("bytes" if binary else "text", Shape())
    opaque = how != "json" and shape.inner is None and not shape.keys
    if not (opaque and binary):
        for text in _texts(shape, sight, json_is_read=how == "json"):
            yield SendStep(hex=text.encode().hex()) if binary else SendStep(text=text)
    if opaque:
        yield SendStep(hex=TEXT.encode().hex())


def _texts(shape: Shape, sight: Sight, *, json_is_read: bool) -> Iterator[str]:
    """The message as text, the likeliest first; ``json_is_read``: by the framework already."""
    words = [constant for constant in shape.constants if isinstance(constant, str)]
    data = shape.inner
    if data is not None:
        if sight.chosen:  # a branch for a text that is no JSON: `if text == "ping":`
            yield from words[:1]
        data.keys |= {name: part for name, part in shape.keys.items() if name not in data.keys}
    elif json_is_read or shape.keys:
        data = shape
    if data is None:
        yield from (*words[:1], TEXT, *shape.parts[:1], str(NUMBER), "{}")
        return
    for part in data.parts:
        data.key(part)
    for default in (TEXT, NUMBER):
        yield json.dumps(data.value(default) if data.known else {})
    if not data.keys:
        yield json.dumps(data.value(TEXT))
        yield json.dumps([TEXT])
    if not json_is_read:
        yield from words[:1]


# --- how the message is read


def _calls_a_framework(tree: ast.Module, place: StackFrame) -> bool:
    """Whether a framework's method that reads a message is called at ``place``."""
    function = innermost_function(tree, place.line)
    return function is not None and any(
        last_name(node.func) in _READS
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and _covers(node, place.line)
    )


def _reading(tree: ast.Module, place: StackFrame, *, calls: bool) -> _Reading | None:
    """How the function at ``place`` reads; ``calls``: by a call of a function of the user's own."""
    function = innermost_function(tree, place.line)
    if function is None:
        return None
    for node in ast.walk(function):
        if isinstance(node, ast.AsyncFor) and calls:
            node = node.iter  # noqa: PLW2901 - it is what is called
        elif not isinstance(node, ast.Call):
            continue
        name = last_name(node.func) if isinstance(node, ast.Call) else ""
        if not _covers(node, place.line) or not (calls or name in _READS or name in _RAW):
            continue
        how = _READS.get(name, "raw")
        if name == "receive_data":
            how = "bytes" if "binary" in ast.unparse(node) else "text"
        names = _names_of(function, node) | {name_of(node)}
        returned = bool(_handed_on(function, names))
        if len(names) > 1 or returned or not calls:
            return _Reading(how, place.file, function, names, returned=returned)
    return _Reading("raw", place.file, function, set())


def _covers(node: ast.expr, number: int) -> bool:
    return node.lineno <= number <= (node.end_lineno or node.lineno)


def _handed_on(function: Function, names: set[str]) -> list[ast.expr]:
    """What ``function`` returns or yields that holds one of ``names``."""
    return [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Return | ast.Yield)
        and node.value is not None
        and any(
            (isinstance(inner, ast.Name) and inner.id in names)
            or (isinstance(inner, ast.expr) and name_of(inner) in names)
            for inner in ast.walk(node.value)
        )
    ]


_RAW = frozenset({"receive", "receive_data"})


def _names_of(function: Function, call: ast.expr) -> set[str]:
    """The variables of ``function`` that hold what ``call`` gives."""
    names: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.AsyncFor | ast.For) and _holds(node.iter, call):
            names |= _targets(node.target)
        elif isinstance(node, ast.Assign) and _holds(node.value, call):
            for target in node.targets:
                names |= _targets(target)
        elif (
            isinstance(node, ast.AnnAssign | ast.NamedExpr)
            and node.value is not None
            and _holds(node.value, call)
        ):
            names |= _targets(node.target)
    return names


def _targets(target: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}


def _holds(node: ast.expr, call: ast.expr) -> bool:
    return any(inner is call for inner in ast.walk(node))


def _listener(tree: ast.Module, place: StackFrame) -> _Reading | None:
    """A function that the framework gives each message: its parameter ``data``, or its last one."""
    for node in ast.walk(tree):
        functions = node.body if isinstance(node, ast.ClassDef) else [node]
        head = {getattr(node, "lineno", 0)} | {
            item.lineno for item in getattr(node, "decorator_list", ())
        }
        if place.line not in head:
            continue
        for function in functions:
            if not isinstance(function, Function):
                continue
            if isinstance(node, ast.ClassDef) and function.name != "on_receive":
                continue
            parameters = [
                *function.args.posonlyargs,
                *function.args.args,
                *function.args.kwonlyargs,
            ]
            named = [item for item in parameters if item.arg == "data"] or parameters[-1:]
            if named:
                return _Reading(
                    _annotated(node, named[0].annotation),
                    place.file,
                    function,
                    {named[0].arg},
                    named[0].annotation,
                )
    return None


def _annotated(node: ast.AST, annotation: ast.expr | None) -> str:
    """What a framework gives a function whose parameter has ``annotation``."""
    name = "" if annotation is None else ast.unparse(annotation).strip("'\"")
    if isinstance(node, ast.ClassDef):  # Starlette says it in the class
        encodings = [
            item.value.value
            for item in node.body
            if isinstance(item, ast.Assign)
            and isinstance(item.value, ast.Constant)
            and any(isinstance(name, ast.Name) and name.id == "encoding" for name in item.targets)
        ]
        if encodings:
            return str(encodings[0])
    return {"str": "text", "bytes": "bytes"}.get(
        name, "json" if name not in {"", "Any"} else "text"
    )


# --- what the message is


def _shape_of(readings: list[_Reading], sight: Sight) -> Shape:
    """What the source reads of the message."""
    whole = shape = Shape()
    for reading in readings:
        if reading.how == "json" and takes_class(reading.annotation, reading.file, sight.program):
            shape.is_model = True
        if reading.how == "json":
            add_type(reading.annotation, reading.file, shape, sight, DEPTH)
        shapes = {name: shape for name in reading.names if not name.isidentifier()}
        if reading.annotation is not None:  # of a parameter
            shapes = dict.fromkeys(reading.names, shape)
        look = Look(
            reading.function,
            reading.file,
            shapes,
            sight,
            others=frozenset(reading.names),
            whole=shape,
        ).read()
        handed_on = (look.shape_at(node) for node in _handed_on(reading.function, reading.names))
        shape = next((part for part in handed_on if part is not None), shape)
    return whole

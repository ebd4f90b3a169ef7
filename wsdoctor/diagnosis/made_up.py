"""A message of wsdoctor's own making, for a handler that waits for one: read from its source.

How the message is read (``receive_json()``, the annotation of a listener's ``data``) says whether it is
text, bytes or JSON. The keys that the source subscripts, the constants that it compares them with and
the fields of the classes that it makes of the message say what JSON it is.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from wsdoctor.diagnosis.suspension import waiting_call, waits_for_a_message
from wsdoctor.diagnosis.syntax import Function, innermost_function, parse
from wsdoctor.recording.case import SendStep
from wsdoctor.recording.events import StackFrame
from wsdoctor.recording.recording import Recording

_TEXT, _NUMBER = "hello", 1

_READS = {
    "receive_text": "text",
    "iter_text": "text",
    "receive_bytes": "bytes",
    "iter_bytes": "bytes",
    "receive_json": "json",
    "iter_json": "json",
}
"""Methods of the frameworks' WebSockets, and what they read."""

_DECODERS = frozenset({"loads", "decode", "decode_json", "model_validate_json", "parse_raw"})
"""Last names of the functions that make data of a text: ``json.loads``, ``msgspec.json.decode`` …"""

_DEPTH = 4
"""How many calls from the handler on a message is followed, and how deep classes refer to each other."""


def made_up_messages(recording: Recording) -> tuple[SendStep, ...]:
    """What the handler of ``recording`` may understand, the likeliest first; empty if it waits for nothing."""
    call = waiting_call(recording)
    if call is None:
        return ()
    if not call.stack and waits_for_a_message(recording) is None:
        return ()
    if not call.stack:
        handler = recording.handler
        tree = None if handler is None else parse(recording.sources.get(handler.file, ""))
        reading = None if tree is None or handler is None else _listener(tree, handler)
        return () if tree is None or reading is None else (*dict.fromkeys(_written(tree, reading)),)
    how = ""
    for depth, place in enumerate(reversed(call.stack)):
        tree = parse(recording.sources.get(place.file, ""))
        reading = None if tree is None else _reading(tree, place, calls=depth > 0)
        if tree is None or reading is None:
            break
        how = how or reading.how  # the innermost function is the one that reads
        reading.how = how
        if not reading.returned or depth + 1 == len(call.stack):
            return (*dict.fromkeys(_written(tree, reading)),)
    return (SendStep(text=_TEXT), SendStep(text="{}"))


@dataclass(slots=True)
class _Reading:
    """How a function reads: ``how`` is text, bytes, json or raw; ``function`` has the message as ``names``."""

    how: str
    function: Function
    names: set[str]
    annotation: ast.expr | None = None
    returned: bool = False
    """The function only hands it on to who called it."""


@dataclass(slots=True)
class _Shape:
    """What is known of a JSON value: its keys, the constants that it is compared with, its type."""

    keys: dict[str, _Shape] = field(default_factory=dict)
    constants: list[object] = field(default_factory=list)
    is_list: bool = False

    def key(self, name: str) -> _Shape:
        return self.keys.setdefault(name, _Shape())

    def value(self, default: object) -> object:
        if self.keys:
            inner: object = {name: shape.value(default) for name, shape in self.keys.items()}
            return [inner] if self.is_list else inner
        if self.constants:
            return self.constants[0]
        return [default] if self.is_list else default


def _written(tree: ast.Module, reading: _Reading) -> Iterator[SendStep]:
    if reading.how == "bytes":
        yield SendStep(hex=_TEXT.encode().hex())
        return
    shape, decoded = _shape_of(tree, reading)
    if reading.how == "raw":  # the event of the ASGI specification
        if "bytes" in shape.keys and "text" not in shape.keys:
            yield SendStep(hex=_TEXT.encode().hex())
        shape = shape.keys.get("text", _Shape())
    if reading.how == "json" or decoded or shape.keys:
        for default in (_TEXT, _NUMBER):
            yield SendStep(text=json.dumps(shape.value(default) if _known(shape) else {}))
        if not shape.keys:
            yield SendStep(text=json.dumps(shape.value(_TEXT)))
            yield SendStep(text=json.dumps([_TEXT]))
        return
    for constant in shape.constants:
        if isinstance(constant, str):
            yield SendStep(text=constant)
            break
    yield SendStep(text=_TEXT)
    yield SendStep(text=str(_NUMBER))
    yield SendStep(text="{}")
    yield SendStep(hex=_TEXT.encode().hex())


def _known(shape: _Shape) -> bool:
    return bool(shape.keys or shape.constants or shape.is_list)


# --- how the message is read


def _reading(tree: ast.Module, place: StackFrame, *, calls: bool) -> _Reading | None:
    """How the function at ``place`` reads; ``calls``: by a call of a function of the user's own."""
    function = innermost_function(tree, place.line)
    if function is None:
        return None
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        here = node.lineno <= place.line <= (node.end_lineno or node.lineno)
        name = _last_name(node.func)
        if not here or not (calls or name in _READS or name in _RAW):
            continue
        how = _READS.get(name, "raw")
        if name == "receive_data":
            how = "bytes" if "binary" in ast.unparse(node) else "text"
        returned = any(
            isinstance(item, ast.Return) and item.value is not None and _holds(item.value, node)
            for item in ast.walk(function)
        )
        names = _names_of(function, node) | {_name_of(node)}
        if len(names) > 1 or returned or not calls:
            return _Reading(how, function, names, returned=returned)
    return _Reading("raw", function, set())


_RAW = frozenset({"receive", "receive_data"})


def _name_of(call: ast.Call) -> str:
    """What stands for the value of ``call`` among the names of variables."""
    return f"{call.lineno}:{call.col_offset}"


def _names_of(function: Function, call: ast.Call) -> set[str]:
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


def _holds(node: ast.expr, call: ast.Call) -> bool:
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


def _shape_of(tree: ast.Module, reading: _Reading) -> tuple[_Shape, bool]:
    """What the source reads of the message, and whether it takes it for JSON."""
    shape = _Shape()
    decoded = _read(tree, reading.function, set(reading.names), shape, _DEPTH)
    if reading.annotation is not None:
        _of_class(tree, reading.annotation, shape, _DEPTH)
    return shape, decoded


def _read(tree: ast.Module, function: Function, names: set[str], shape: _Shape, depth: int) -> bool:
    """Add to ``shape`` what ``function`` reads of its variables ``names``; whether it decodes them."""
    shapes = dict.fromkeys(names, shape)
    for _ in range(2):  # a variable may be read above the line that is found to give it its value
        for node in ast.walk(function):
            _assigned(node, shapes)
    for node in ast.walk(function):
        if isinstance(node, ast.Compare):
            _compared(node, shapes)
        elif isinstance(node, ast.Match):
            _matched(node, shapes)
        elif isinstance(node, ast.Subscript | ast.Call):
            _shape_at(node, shapes)
    decoded = False
    for node in ast.walk(function):
        given = next(_arguments(node, shapes), None) if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and given is not None:
            decoded = _last_name(node.func) in _DECODERS or decoded
            if depth:
                decoded = _handed(tree, node, given, shapes, depth) or decoded
    return decoded


def _assigned(node: ast.AST, shapes: dict[str, _Shape]) -> None:
    """Note the variable that ``node`` gives a part of the message to."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        given, target = _shape_at(node.value, shapes), node.targets[0]
        if given is not None and isinstance(target, ast.Name):
            shapes.setdefault(target.id, given)
    elif isinstance(node, ast.For) and isinstance(node.target, ast.Name):
        given = _shape_at(node.iter, shapes)
        if given is not None:
            given.is_list = True
            shapes.setdefault(node.target.id, given)


def _handed(
    tree: ast.Module, call: ast.Call, given: _Shape, shapes: dict[str, _Shape], depth: int
) -> bool:
    """Follow the message into what ``call`` makes of it; whether that decodes it."""
    made_of = [call.func, getattr(call.func, "value", None), *call.args]
    for node in (*made_of, *(keyword.value for keyword in call.keywords)):
        _of_class(tree, node, given, depth)
    called = _function(tree, _last_name(call.func))
    if called is None:
        return False
    return _read(tree, called, _parameters(called, call, shapes), given, depth - 1)


def _shape_at(  # noqa: PLR0911 - one for each form
    node: ast.expr | None, shapes: dict[str, _Shape]
) -> _Shape | None:
    """The shape of an expression: ``message``, ``message["to"]``, ``message.get("to")``, ``loads(message)``."""
    match node:
        case ast.Name(id=name):
            return shapes.get(name)
        case ast.Call() if (read := shapes.get(_name_of(node))) is not None:
            return read
        case ast.Await(value=value) | ast.NamedExpr(value=value):
            return _shape_at(value, shapes)
        case ast.Subscript(value=value, slice=ast.Constant(value=str(key))):
            inner = _shape_at(value, shapes)
            return None if inner is None else inner.key(key)
        case ast.Subscript(value=value, slice=ast.Constant(value=int())):
            inner = _shape_at(value, shapes)
            if inner is not None:
                inner.is_list = True
            return inner
        case ast.Call(
            func=ast.Attribute(value=value, attr="get" | "pop"),
            args=[ast.Constant(value=str(key)), *_],
        ):
            inner = _shape_at(value, shapes)
            return None if inner is None else inner.key(key)
        case ast.Call(func=func, args=[first, *_]) if _last_name(func) in _DECODERS:
            return _shape_at(first, shapes)
        case ast.Call(
            func=ast.Attribute(
                value=value, attr="strip" | "lower" | "upper" | "decode" | "casefold"
            )
        ):
            return _shape_at(value, shapes)
    return None


def _compared(node: ast.Compare, shapes: dict[str, _Shape]) -> None:
    sides = [node.left, *node.comparators]
    if not all(isinstance(operation, ast.Eq | ast.In) for operation in node.ops):
        return
    given = next((shape for side in sides if (shape := _shape_at(side, shapes)) is not None), None)
    if given is None:
        return
    for side in sides:
        values = side.elts if isinstance(side, ast.Tuple | ast.Set | ast.List) else [side]
        given.constants += [
            item.value
            for item in values
            if isinstance(item, ast.Constant) and isinstance(item.value, str | int | float)
        ]
    if (
        isinstance(node.left, ast.Constant)
        and isinstance(node.ops[0], ast.In)
        and isinstance(node.left.value, str)
    ):
        # `"to" in message` asks for a key, or for a part of a text.
        given.constants.clear()


def _matched(node: ast.Match, shapes: dict[str, _Shape]) -> None:
    if (given := _shape_at(node.subject, shapes)) is not None:
        any(_pattern(case.pattern, given) for case in node.cases)


def _pattern(pattern: ast.pattern, shape: _Shape) -> bool:
    """Add what ``pattern`` asks for; whether it asks for anything."""
    match pattern:
        case ast.MatchValue(value=ast.Constant(value=str() | int() | float() as value)):
            shape.constants.append(value)
            return True
        case ast.MatchOr(patterns=[first, *_]) | ast.MatchAs(pattern=ast.pattern() as first):
            return _pattern(first, shape)
        case ast.MatchMapping(keys=keys, patterns=patterns):
            for key, inner in zip(keys, patterns, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    _pattern(inner, shape.key(key.value))
            return True
    return False


def _arguments(call: ast.Call, shapes: dict[str, _Shape]) -> Iterator[_Shape]:
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        inner = argument.value if isinstance(argument, ast.Starred) else argument
        if (given := _shape_at(inner, shapes)) is not None:
            yield given


def _parameters(called: Function, call: ast.Call, shapes: dict[str, _Shape]) -> set[str]:
    """The parameters of ``called`` that ``call`` gives the message to."""
    parameters = [item.arg for item in (*called.args.posonlyargs, *called.args.args)]
    if parameters[:1] in (["self"], ["cls"]):
        parameters = parameters[1:]
    names = {
        name
        for name, argument in zip(parameters, call.args, strict=False)
        if _shape_at(argument, shapes) is not None
    }
    return names | {
        keyword.arg
        for keyword in call.keywords
        if keyword.arg and _shape_at(keyword.value, shapes) is not None
    }


def _function(tree: ast.Module, name: str) -> Function | None:
    for node in ast.walk(tree):
        if isinstance(node, Function) and node.name == name:
            return node
    return None


# --- classes that are made of it


def _of_class(tree: ast.Module, node: ast.expr | None, shape: _Shape, depth: int) -> None:
    """Add the fields of the class of this file that ``node`` names to ``shape``, if it names one."""
    found = None if node is None else _class(tree, ast.unparse(node).strip("'\""))
    if found is None or not depth:
        return
    for item in found.body:
        if (
            isinstance(item, ast.AnnAssign)
            and isinstance(item.target, ast.Name)
            and item.value is None
        ):
            _typed(tree, item.annotation, shape.key(item.target.id), depth - 1)


def _class(tree: ast.Module, name: str) -> ast.ClassDef | None:
    last = name.rpartition(".")[2]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == last:
            return node
    return None


_VALUES: dict[str, object] = {
    "str": _TEXT,
    "int": _NUMBER,
    "float": 1.5,
    "bool": True,
    "dict": {},
    "list": [],
    "None": None,
}


def _typed(tree: ast.Module, annotation: ast.expr, shape: _Shape, depth: int) -> None:
    match annotation:
        case ast.Constant(value=str(text)):
            try:
                _typed(tree, ast.parse(text, mode="eval").body, shape, depth)
            except SyntaxError:
                return
        case ast.BinOp(left=left):  # `int | None`
            _typed(tree, left, shape, depth)
        case ast.Subscript(value=value, slice=inner) if _last_name(value) in {
            "Optional",
            "Annotated",
            "Required",
        }:
            first = inner.elts[0] if isinstance(inner, ast.Tuple) else inner
            _typed(tree, first, shape, depth)
        case ast.Subscript(value=value, slice=inner) if _last_name(value) == "Literal":
            first = inner.elts[0] if isinstance(inner, ast.Tuple) else inner
            if isinstance(first, ast.Constant):
                shape.constants.append(first.value)
        case ast.Subscript(value=value):
            _typed(tree, value, shape, depth)
        case ast.Name(id=name) if name in _VALUES:
            shape.constants.append(_VALUES[name])
        case ast.Name():
            _of_class(tree, annotation, shape, depth)


def _last_name(node: ast.expr) -> str:
    return (
        ast.unparse(node).rpartition(".")[2] if isinstance(node, ast.Name | ast.Attribute) else ""
    )

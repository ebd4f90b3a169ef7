"""A message of wsdoctor's own making, for a handler that waits for one: read from its source.

How the message is read (``receive_json()``, the annotation of a listener's ``data``) says whether it is
text, bytes or JSON. The keys that the source subscripts, the constants that it compares them with and
the fields of the classes that it makes of the message say what JSON it is.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from wsdoctor.diagnosis.suspension import takes_messages, waiting_call
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

_BRANCHES = 3
"""How many branches of a handler a message is made up for."""

_DEPTH = 4
"""How many calls from the handler on a message is followed, and how deep classes refer to each other."""


def made_up_messages(recording: Recording) -> tuple[SendStep, ...]:
    """What the handler of ``recording`` may understand, the likeliest first; empty if it waits for nothing."""
    readings = _readings(recording)
    if readings is None:
        return (SendStep(text=_TEXT), SendStep(text="{}"))
    return (*dict.fromkeys(_written(readings, _Sight())),) if readings else ()


def messages_of_branches(recording: Recording) -> tuple[SendStep, ...]:
    """One message for each branch that the handler takes by what a message says; the last one for none of them."""
    readings = _readings(recording)
    if not readings:
        return ()
    whole = _Sight()
    _shape_of(readings, whole)
    branches = [*whole.branches, None] if whole.branches else []
    found = dict.fromkeys(next(_written(readings, whole.only(branch))) for branch in branches)
    return (*[*found][:_BRANCHES], *[*found][_BRANCHES:][-1:])


def _readings(recording: Recording) -> list[_Reading] | None:
    """Who reads the message that the handler waits for, innermost first; None if the source does not tell.

    Each but the last hands the message on to the next. Empty if the handler waits for no message.
    """
    call, handler = waiting_call(recording), recording.handler
    if call is None or (not call.stack and not takes_messages(recording)):
        return []
    stack = call.stack[::-1]
    trees = [parse(recording.sources.get(place.file, "")) for place in stack]
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
        tree = parse(recording.sources.get(handler.file, ""))
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
    tree: ast.Module
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
    parts: list[str] = field(default_factory=list)
    """What is asked to be in it: keys of an object, or parts of a text."""
    is_list: bool = False

    def key(self, name: str) -> _Shape:
        return self.keys.setdefault(name, _Shape())

    def value(self, default: object) -> object:
        if self.keys:
            inner: dict[str, object] = dict.fromkeys(self.parts, default)
            inner |= {name: shape.value(default) for name, shape in self.keys.items()}
            return [inner] if self.is_list else inner
        for constant in (*self.constants, *self.parts):
            return constant
        return [default] if self.is_list else default


@dataclass(frozen=True, slots=True)
class _Branch:
    """A block that runs for some messages only, with its condition; ``calls`` lead to its function."""

    nodes: Sequence[ast.AST]
    calls: tuple[ast.AST, ...]


@dataclass(slots=True)
class _Sight:
    """What is looked at of the source, without the nodes that are ``hidden``, and what is seen there.

    ``decoded``: the message is taken for JSON. ``calls`` lead to the function that is being looked at.
    """

    hidden: frozenset[int] = frozenset()
    branches: list[_Branch] = field(default_factory=list)
    decoded: bool = False
    calls: tuple[ast.AST, ...] = ()

    def nodes(self, function: Function) -> list[ast.AST]:
        """The nodes of ``function`` that are not passed over, from the outside in."""
        found: list[ast.AST] = [function]
        for node in found:
            found += [child for child in ast.iter_child_nodes(node) if id(child) not in self.hidden]
        return found

    def only(self, branch: _Branch | None) -> _Sight:
        """Without the other branches, except for those around ``branch``."""
        own = set() if branch is None else {id(node) for node in (*branch.nodes, *branch.calls)}
        return _Sight(
            hidden=frozenset(
                id(node)
                for other in self.branches
                if not own & {id(inner) for node in other.nodes for inner in ast.walk(node)}
                for node in other.nodes
            )
        )


def _written(readings: list[_Reading], sight: _Sight) -> Iterator[SendStep]:
    how = readings[0].how
    if how == "bytes":
        yield SendStep(hex=_TEXT.encode().hex())
        return
    shape = _shape_of(readings, sight)
    if how == "raw":  # the event of the ASGI specification
        if "bytes" in shape.keys and "text" not in shape.keys:
            yield SendStep(hex=_TEXT.encode().hex())
        shape = shape.keys.get("text", _Shape())
    if how == "json" or sight.decoded or shape.keys:
        for part in shape.parts:
            shape.key(part)
        for default in (_TEXT, _NUMBER):
            yield SendStep(text=json.dumps(shape.value(default) if _known(shape) else {}))
        if not shape.keys:
            yield SendStep(text=json.dumps(shape.value(_TEXT)))
            yield SendStep(text=json.dumps([_TEXT]))
        return
    words = [constant for constant in shape.constants if isinstance(constant, str)]
    for text in (*words[:1], _TEXT, *shape.parts[:1], str(_NUMBER), "{}"):
        yield SendStep(text=text)
    yield SendStep(hex=_TEXT.encode().hex())


def _known(shape: _Shape) -> bool:
    return bool(shape.keys or shape.constants or shape.is_list)


# --- how the message is read


def _calls_a_framework(tree: ast.Module, place: StackFrame) -> bool:
    """Whether a framework's method that reads a message is called at ``place``."""
    function = innermost_function(tree, place.line)
    return function is not None and any(
        _last_name(node.func) in _READS
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
        name = _last_name(node.func) if isinstance(node, ast.Call) else ""
        if not _covers(node, place.line) or not (calls or name in _READS or name in _RAW):
            continue
        how = _READS.get(name, "raw")
        if name == "receive_data":
            how = "bytes" if "binary" in ast.unparse(node) else "text"
        names = _names_of(function, node) | {_name_of(node)}
        returned = bool(_handed_on(function, names))
        if len(names) > 1 or returned or not calls:
            return _Reading(how, tree, function, names, returned=returned)
    return _Reading("raw", tree, function, set())


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
            or (isinstance(inner, ast.expr) and _name_of(inner) in names)
            for inner in ast.walk(node.value)
        )
    ]


_RAW = frozenset({"receive", "receive_data"})


def _name_of(call: ast.expr) -> str:
    """What stands for the value of ``call`` among the names of variables."""
    return f"{call.lineno}:{call.col_offset}"


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
                    tree,
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


def _shape_of(readings: list[_Reading], sight: _Sight) -> _Shape:
    """What the source reads of the message."""
    whole = shape = _Shape()
    for reading in readings:
        shapes = _read(reading.tree, reading.function, reading.names, shape, _DEPTH, sight)
        if reading.annotation is not None:
            _of_class(reading.tree, reading.annotation, shape, _DEPTH)
        handed_on = (
            _shape_at(node, shapes) for node in _handed_on(reading.function, reading.names)
        )
        shape = next((part for part in handed_on if part is not None), shape)
    return whole


def _read(  # noqa: PLR0917 - who reads what, and how far that is followed
    tree: ast.Module,
    function: Function,
    names: set[str],
    shape: _Shape,
    depth: int,
    sight: _Sight,
) -> dict[str, _Shape]:
    """Add to ``shape`` what ``function`` reads of its variables ``names``; the shapes of all its variables."""
    shapes = dict.fromkeys(names, shape)
    nodes = sight.nodes(function)
    for _ in range(2):  # a variable may be read above the line that is found to give it its value
        for node in nodes:
            _assigned(node, shapes)
    for node in nodes:
        _noted(node, shapes, sight)
    for node in nodes:
        given = next(_arguments(node, shapes), None) if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and given is not None:
            sight.decoded = _last_name(node.func) in _DECODERS or sight.decoded
            if depth:
                _handed(tree, node, given, shapes, depth, sight)
    return shapes


def _noted(node: ast.AST, shapes: dict[str, _Shape], sight: _Sight) -> None:
    """Add what ``node`` asks of the message."""
    match node:
        case ast.If(test=test) if id(test) in sight.hidden:
            for subscript in _first_read(
                test
            ):  # the condition of another branch is read all the same
                _shape_at(subscript, shapes)
        case ast.If():
            _compelled(node, shapes)
        case ast.Compare():
            _compared(node, shapes)
        case ast.Match():
            _matched(node, shapes, sight)
        case ast.Subscript() | ast.Call():
            _shape_at(node, shapes)
    if not sight.hidden:
        sight.branches += [_Branch(nodes, sight.calls) for nodes in _branches(node, shapes)]


def _first_read(test: ast.expr) -> Iterator[ast.expr]:
    """The subscripts in ``test`` that are read whatever the rest of it says."""
    if isinstance(test, ast.Subscript):
        yield test
    inner = test.values[:1] if isinstance(test, ast.BoolOp) else ast.iter_child_nodes(test)
    for node in inner:
        if isinstance(node, ast.expr):
            yield from _first_read(node)


def _branches(node: ast.AST, shapes: dict[str, _Shape]) -> Iterator[Sequence[ast.AST]]:
    """The blocks of ``node`` that run for some messages only, each with its condition."""
    if isinstance(node, ast.If) and _asks(node.test, shapes):
        yield [node.test, *node.body]
        if node.orelse and not isinstance(node.orelse[0], ast.If):
            yield [*node.orelse]
    elif isinstance(node, ast.Match) and _shape_at(node.subject, shapes) is not None:
        yield from ([case] for case in node.cases)


def _asks(test: ast.expr, shapes: dict[str, _Shape]) -> bool:
    """Whether ``test`` asks what a message is, and not only whether it is one that can be read."""
    if isinstance(test, ast.BoolOp):
        return any(_asks(value, shapes) for value in test.values)
    if isinstance(test, ast.Compare):
        sides = (test.left, *test.comparators)
        return isinstance(test.ops[0], ast.Eq | ast.In) and any(
            _shape_at(side, shapes) is not None for side in sides
        )
    return _shape_at(test, shapes) is not None


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


def _handed(  # noqa: PLR0917 - who reads what, and how far that is followed
    tree: ast.Module,
    call: ast.Call,
    given: _Shape,
    shapes: dict[str, _Shape],
    depth: int,
    sight: _Sight,
) -> None:
    """Follow the message into what ``call`` makes of it."""
    made_of = [call.func, getattr(call.func, "value", None), *call.args]
    for node in (*made_of, *(keyword.value for keyword in call.keywords)):
        _of_class(tree, node, given, depth)
    called = _function(tree, _last_name(call.func))
    if called is not None:
        before, sight.calls = sight.calls, (*sight.calls, call)
        _read(tree, called, _parameters(called, call, shapes), given, depth - 1, sight)
        sight.calls = before


def _shape_at(  # noqa: PLR0911 - one for each form
    node: ast.expr | None, shapes: dict[str, _Shape]
) -> _Shape | None:
    """The shape of an expression: ``message``, ``message["to"]``, ``message.get("to")``, ``loads(message)``."""
    match node:
        case ast.Name(id=name):
            return shapes.get(name)
        case ast.Call() if (read := shapes.get(_name_of(node))) is not None:
            return read
        case (
            ast.Await(value=value)
            | ast.NamedExpr(value=value)
            | ast.BoolOp(op=ast.Or(), values=[value, *_])
        ):
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
    """Add what ``node`` compares the message, or a part of it, with."""
    left = node.left
    for operation, right in zip(node.ops, node.comparators, strict=True):
        given, part = _shape_at(left, shapes), _shape_at(right, shapes)
        if isinstance(operation, ast.In | ast.NotIn) and part is not None:
            match left:
                case ast.Constant(value=str(name)) if name not in part.parts:
                    part.parts.append(name)
        elif isinstance(operation, ast.Eq | ast.In | ast.NotIn):
            for shape, other in ((given, right), (part, left)):
                if shape is not None:
                    shape.constants += _constants(other)
        left = right


def _compelled(node: ast.If, shapes: dict[str, _Shape]) -> None:
    """Add what the message must be, or else ``node`` leaves the function or the loop: ``if op != "join": return``."""
    if not isinstance(node.body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break):
        return
    for inner in ast.walk(node.test):
        if isinstance(inner, ast.Compare) and isinstance(inner.ops[0], ast.NotEq):
            for one, other in (
                (inner.left, inner.comparators[0]),
                (inner.comparators[0], inner.left),
            ):
                if (given := _shape_at(one, shapes)) is not None:
                    given.constants += _constants(other)


def _constants(node: ast.expr) -> list[object]:
    values = node.elts if isinstance(node, ast.Tuple | ast.Set | ast.List) else [node]
    return [
        item.value
        for item in values
        if isinstance(item, ast.Constant) and isinstance(item.value, str | int | float)
    ]


def _matched(node: ast.Match, shapes: dict[str, _Shape], sight: _Sight) -> None:
    if (given := _shape_at(node.subject, shapes)) is not None:
        any(_pattern(case.pattern, given) for case in node.cases if id(case) not in sight.hidden)


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

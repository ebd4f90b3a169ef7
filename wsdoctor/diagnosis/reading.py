"""What functions of the user's read of a message: the keys, the constants, the classes, the calls it is given to."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from wsdoctor.diagnosis.dispatch import Lookup, functions_of, is_dispatch, lookup
from wsdoctor.diagnosis.message import Shape, Sight
from wsdoctor.diagnosis.models import (
    NUMBER,
    TEXT,
    add_type,
    field_type,
    needed_parameters,
    takes_class,
)
from wsdoctor.diagnosis.program import Entry, Found, Scope, last_name, parameters
from wsdoctor.diagnosis.syntax import Function

DEPTH = 4
"""How many calls from the handler on a message is followed, and how deep classes refer to each other."""

_DECODERS = frozenset(
    {
        *("loads", "decode", "decode_json", "model_validate_json", "parse_raw", "validate_json"),
        *("from_json", "parse_json", "validate_strings"),
    }
)
"""Last names of the functions that make data of a text: ``json.loads``, ``msgspec.json.decode`` …"""

_OF_TEXTS = frozenset({"strip", "lower", "upper", "decode", "casefold"})
"""Methods that give the same text, as far as it matters."""

_CHECKS = frozenset({"isinstance", "issubclass", "hasattr", "getattr", "print"})

_CONVERTED: dict[str, object] = {
    "int": NUMBER,
    "float": 1.5,
    "Decimal": "1.5",
    "UUID": "6f1d2c3b-4a59-4e68-8d77-9c86ab95b4c3",
    "fromisoformat": "2024-01-01T00:00:00",
}
"""What functions that convert a value understand, by their last names."""

_PATTERNS: dict[str, object] = {"str": TEXT, "int": NUMBER, "float": 1.5, "bool": True}
"""What class patterns match: ``case {"x": int(x)}``."""


@dataclass(slots=True)
class Look:
    """A look at one function, of which ``shapes`` are the variables that hold the message or a part of it.

    ``tables``: the variables that hold what was looked up by the message. ``others``: variables that
    hold something of ``whole``, where the source does not tell what.
    """

    function: Scope
    file: str
    shapes: dict[str, Shape]
    sight: Sight
    depth: int = DEPTH
    tables: dict[str, list[Entry]] = field(default_factory=dict)
    others: frozenset[str] = frozenset()
    whole: Shape | None = None

    def read(self) -> Look:
        """Add what the function reads to the shapes; the shapes are those of all its variables then."""
        nodes = self.sight.nodes(self.function)
        for _ in range(2):  # the value of a variable may be read before the line that gives it
            for node in nodes:
                self._assigned(node)
            if self.whole is not None:
                self.shapes = dict.fromkeys(self.others, self.whole) | self.shapes
        for node in nodes:
            self._noted(node)
        for node in nodes:
            if isinstance(node, ast.Call) and self.depth and (given := self._given(node)):
                self._handed(node, given)
        return self

    # --- variables

    def _assigned(self, node: ast.AST) -> None:
        """Note the variable that ``node`` gives a part of the message to."""
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                for target, value in zip(targets, values, strict=False):
                    self._bind(target, value)
            case ast.Assign(targets=[target], value=value):
                self._bind(target, value)
            case ast.NamedExpr() | ast.AnnAssign() if node.value is not None:
                self._bind(node.target, node.value)
            case ast.For(target=ast.Name(id=name), iter=iterated):
                given = self.shape_at(iterated)
                if given is not None:
                    given.is_list = True
                    self.shapes.setdefault(name, given)
            case ast.Match(subject=subject, cases=cases):
                if (given := self.shape_at(subject)) is not None:
                    shown = [case for case in cases if not self.sight.hides(case)]
                    for case in shown:
                        self._captured(case.pattern, given, attached=case is shown[0])

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        if not isinstance(target, ast.Name):
            return
        found = self._lookup(value)
        if found is not None:
            self.tables.setdefault(target.id, found.entries)
        elif (given := self.shape_at(value)) is not None:
            self.shapes.setdefault(target.id, given)

    def _captured(self, pattern: ast.pattern, shape: Shape, *, attached: bool) -> None:
        """Note the variables that ``pattern`` gives parts of the message to."""
        match pattern:
            case ast.MatchAs(pattern=inner, name=name):
                if name is not None:
                    self.shapes.setdefault(name, shape)
                if inner is not None:
                    self._captured(inner, shape, attached=attached)
            case ast.MatchMapping(keys=keys, patterns=patterns):
                for key, within in zip(keys, patterns, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        part = shape.key(key.value) if attached else Shape()
                        self._captured(within, part, attached=attached)
            case ast.MatchClass(patterns=[inner]):
                self._captured(inner, shape, attached=attached)

    # --- expressions

    def shape_at(self, node: ast.AST | None) -> Shape | None:  # noqa: C901, PLR0911 - one for each form
        """The shape of an expression: ``message``, ``message["to"]``, ``message.get("to")``, ``loads(message)``."""
        match node:
            case ast.Name(id=name):
                return self.shapes.get(name)
            case ast.Call() if (read := self.shapes.get(name_of(node))) is not None:
                return read
            case (
                ast.Await(value=value)
                | ast.NamedExpr(value=value)
                | ast.BoolOp(op=ast.Or(), values=[value, *_])
            ):
                return self.shape_at(value)
            case ast.Subscript(value=value, slice=ast.Constant(value=str(key))):
                inner = self.shape_at(value)
                return None if inner is None else inner.key(key)
            case ast.Subscript(value=value, slice=ast.Constant(value=int())):
                inner = self.shape_at(value)
                if inner is not None:
                    inner.is_list = True
                return inner
            case ast.Subscript(value=value, slice=key):
                return self._member_by_name(value, key)
            case ast.Attribute(value=value, attr=name):
                inner = self.shape_at(value)
                if inner is None:
                    return None
                if name == "value" and not inner.is_model:  # of a member of an enumeration
                    return inner
                return inner.attribute(name) if inner.is_model else None
            case ast.Call():
                return self._shape_of_call(node)
        return None

    def _shape_of_call(self, call: ast.Call) -> Shape | None:
        if (part := self._part_of_call(call)) is not None:
            return part
        if last_name(call.func) in _CHECKS or not (given := self._given(call)):
            return None
        if last_name(call.func) in _DECODERS:
            inner = given[0].decoded()
            if self.depth:
                self._made(call, inner)
            return inner
        if last_name(call.func) in _CONVERTED or last_name(call.func) == "str":
            return given[0]
        found = self.sight.program.class_of(call.func, self.file)
        if found is not None and self.sight.program.members(found):
            return given[0]
        if (returned := self._returned(call)) is not None:
            return returned
        if self.depth and (self._makes(call) or any(self._types_of(call))):
            self._made(call, given[0])
            return given[0]
        return None

    def _part_of_call(self, call: ast.Call) -> Shape | None:
        """The shape of ``message.get("to")``, of ``message.strip()``, and of ``reading.result()`` of a task."""
        match call:
            case ast.Call(func=ast.Attribute(value=value, attr="result"), args=[], keywords=[]):
                return self.shape_at(value)
            case ast.Call(
                func=ast.Attribute(value=value, attr="get" | "pop"),
                args=[ast.Constant(value=str(key)), *others],
            ):
                inner = self.shape_at(value)
                return None if inner is None else _with_default(inner.key(key), others)
            case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in _OF_TEXTS:
                return self.shape_at(value)
        return None

    def _returned(self, call: ast.Call) -> Shape | None:
        """The shape of what a function of the user's returns that takes the message."""
        for found, before in functions_of(call.func, self.file, self.sight.program):
            if not self.depth or not self.sight.left or not _returns(found.node):
                continue
            assert isinstance(found.node, Function)
            shapes = self._parameters(found.node, before, call)
            inner = Look(found.node, found.file, shapes, self.sight, self.depth - 1)
            nodes = self.sight.nodes(found.node)
            for node in nodes:
                inner._assigned(node)
            for node in nodes:
                if isinstance(node, ast.Return) and (shape := inner.shape_at(node.value)):
                    return shape
        return None

    def _member_by_name(self, value: ast.expr, key: ast.expr) -> Shape | None:
        """``Op[message["op"]]``: the message has the name of a member of an enumeration."""
        found = self.sight.program.class_of(value, self.file)
        members = {} if found is None else self.sight.program.members(found)
        if not members or (given := self.shape_at(key)) is None:
            return None
        given.spelled |= {constant: name for name, constant in members.items()}
        return given

    def _given(self, call: ast.Call) -> list[Shape]:
        """The shapes of the arguments that hold the message or a part of it."""
        arguments = (*call.args, *(keyword.value for keyword in call.keywords))
        inner = (item.value if isinstance(item, ast.Starred) else item for item in arguments)
        return [shape for item in inner if (shape := self.shape_at(item)) is not None]

    def _lookup(self, node: ast.AST) -> Lookup | None:
        """The lookup by a part of the message, without the entries that are skipped."""
        while isinstance(node, ast.Await | ast.NamedExpr):
            node = node.value
        found = lookup(node, self.file, self.sight.program)
        if found is None or self.shape_at(found.key) is None:
            return None
        shown = [entry for entry in found.entries if not self.sight.hides(entry.key)]
        return Lookup(found.key, shown)

    def _entries(self, node: ast.AST) -> list[Entry]:
        """The entries of a table that ``node`` may stand for."""
        if isinstance(node, ast.Name) and node.id in self.tables:
            return self.tables[node.id]
        found = self._lookup(node)
        return [] if found is None else found.entries

    # --- what is asked of the message

    def _noted(self, node: ast.AST) -> None:
        """Add what ``node`` asks of the message."""
        match node:
            case ast.If(test=test) if self.sight.hides(test):
                for subscript in _first_read(
                    test
                ):  # another branch's condition is read all the same
                    self.shape_at(subscript)
            case ast.If():
                self._compelled(node)
            case ast.Compare():
                self._compared(node)
            case ast.Match():
                self._matched(node)
            case ast.AnnAssign(annotation=annotation, value=ast.expr() as value):
                given = self.shape_at(value)
                if given is not None and takes_class(annotation, self.file, self.sight.program):
                    add_type(annotation, self.file, given, self.sight, DEPTH)
            case ast.Subscript() | ast.Call() | ast.Attribute():
                self._used(node)
        if not self.sight.hidden:
            self.sight.note([*self._branches(node)])

    def _used(self, node: ast.Subscript | ast.Call | ast.Attribute) -> None:
        self.shape_at(node)
        if (found := self._lookup(node)) is not None:
            shape = self.shape_at(found.key)
            assert shape is not None
            shape.constants += [entry.constant for entry in found.entries]
            if is_dispatch(found.entries, self.sight.program):
                before, self.sight.calls = self.sight.calls, (*self.sight.calls, node)
                self.sight.note([[entry.key, entry.value] for entry in found.entries])
                self.sight.calls = before
        if not isinstance(node, ast.Call):
            return
        match node:
            case ast.Call(func=func, args=[first, *_]) if last_name(func) in _CONVERTED:
                if (given := self.shape_at(first)) is not None:
                    given.accepted.append(_CONVERTED[last_name(func)])
            case ast.Call(func=ast.Name(id="isinstance"), args=[first, cls]):
                given = self.shape_at(first)
                if given is not None and not given.is_model and not self._is_foreign(cls):
                    add_type(cls, self.file, given, self.sight, DEPTH)
            case ast.Call(func=func, args=[first]):
                found_class = self.sight.program.class_of(func, self.file)
                members = found_class and self.sight.program.members(found_class)
                if members and (given := self.shape_at(first)) is not None:
                    given.accepted += members.values()

    def _is_foreign(self, cls: ast.expr) -> bool:
        """Whether ``isinstance`` asks for something else than a class of the user's."""
        return not takes_class(cls, self.file, self.sight.program)

    def _branches(self, node: ast.AST) -> Iterator[Sequence[ast.AST]]:
        """The blocks of ``node`` that run for some messages only, each with its condition."""
        if isinstance(node, ast.If) and self._asks(node.test):
            yield [node.test, *node.body]
            if node.orelse and not isinstance(node.orelse[0], ast.If):
                yield [*node.orelse]
        elif isinstance(node, ast.Match) and (given := self.shape_at(node.subject)) is not None:
            by_class = all(_matches_class(case.pattern) for case in node.cases)
            if not (given.is_model and by_class):  # else each class of the union is a branch
                yield from ([case] for case in node.cases)

    def _asks(self, test: ast.expr) -> bool:
        """Whether ``test`` asks what a message is, and not only whether it is one that can be read."""
        if isinstance(test, ast.BoolOp):
            return any(self._asks(value) for value in test.values)
        if isinstance(test, ast.Compare):
            sides = (test.left, *test.comparators)
            by_identity = isinstance(test.ops[0], ast.Is) and self._constants(test.comparators[0])
            return (isinstance(test.ops[0], ast.Eq | ast.In) or bool(by_identity)) and any(
                self.shape_at(side) is not None for side in sides
            )
        if isinstance(test, ast.Call) and last_name(test.func) == "isinstance" and test.args:
            given = self.shape_at(test.args[0])
            return given is not None and not given.is_model and not self._is_foreign(test.args[-1])
        return self.shape_at(test) is not None

    def _compared(self, node: ast.Compare) -> None:
        """Add what ``node`` compares the message, or a part of it, with."""
        left = node.left
        for operation, right in zip(node.ops, node.comparators, strict=True):
            given, part = self.shape_at(left), self.shape_at(right)
            if isinstance(operation, ast.In | ast.NotIn) and part is not None:
                match left:
                    case ast.Constant(value=str(name)) if name not in part.parts:
                        part.parts.append(name)
            elif isinstance(operation, ast.Eq | ast.Is | ast.In | ast.NotIn):
                for shape, other in ((given, right), (part, left)):
                    if shape is not None:
                        shape.constants += self._constants(other)
            left = right

    def _compelled(self, node: ast.If) -> None:
        """Add what the message must be, or else ``node`` leaves the function or the loop: ``if op != "join": return``."""
        if not isinstance(node.body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break):
            return
        for inner in ast.walk(node.test):
            if isinstance(inner, ast.Compare) and isinstance(inner.ops[0], ast.NotEq | ast.IsNot):
                for one, other in (
                    (inner.left, inner.comparators[0]),
                    (inner.comparators[0], inner.left),
                ):
                    if (given := self.shape_at(one)) is not None:
                        given.constants += self._constants(other)

    def _constants(self, node: ast.AST) -> list[object]:
        """The constants that ``node`` stands for or holds, without those that are passed over."""
        found = self.sight.program.constants(node, self.file)
        return [value for value, where in found if not self.sight.hides(where)]

    def _matched(self, node: ast.Match) -> None:
        if (given := self.shape_at(node.subject)) is not None:
            any(
                self._pattern(case.pattern, given)
                for case in node.cases
                if not self.sight.hides(case)
            )

    def _pattern(self, pattern: ast.pattern, shape: Shape) -> bool:
        """Add what ``pattern`` asks for; whether it asks for anything."""
        match pattern:
            case ast.MatchValue(value=value) if constants := self._constants(value):
                shape.constants += constants
                return True
            case ast.MatchOr(patterns=[first, *_]) | ast.MatchAs(pattern=ast.pattern() as first):
                return self._pattern(first, shape)
            case ast.MatchMapping(keys=keys, patterns=patterns):
                for key, inner in zip(keys, patterns, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        self._pattern(inner, shape.key(key.value))
                return True
            case ast.MatchClass(cls=cls) if last_name(cls) in _PATTERNS:
                shape.accepted.append(_PATTERNS[last_name(cls)])
                return True
            case ast.MatchClass(cls=cls) if not shape.is_model:
                add_type(cls, self.file, shape, self.sight, DEPTH)
                return takes_class(cls, self.file, self.sight.program)
        return False

    # --- what the message is given to

    def _handed(self, call: ast.Call, given: list[Shape]) -> None:
        """Follow the message into what ``call`` makes of it."""
        before, self.sight.calls = self.sight.calls, (*self.sight.calls, call)
        if last_name(call.func) not in (_CHECKS | _DECODERS):
            self._made(call, given[0])
        owner = getattr(call.func, "value", None)
        entries = [*self._entries(call.func), *(self._entries(owner) if owner is not None else ())]
        for entry in entries:
            self.sight.calls = (*before, call, entry.key, entry.value)
            if takes_class(entry.value, entry.file, self.sight.program) and entry is entries[0]:
                add_type(entry.value, entry.file, given[0], self.sight, self.depth)
            self._follow(entry.value, entry.file, call)
        self.sight.calls = (*before, call)
        if not entries:
            self._follow(call.func, self.file, call)
        self.sight.calls = before

    def _made(self, call: ast.Call, shape: Shape) -> None:
        """Add the fields of the classes that ``call`` makes of the message."""
        if (id(call), id(shape)) in self.sight.made:
            return
        self.sight.made[id(call), id(shape)] = shape
        program = self.sight.program
        before, self.sight.calls = self.sight.calls, (*self.sight.calls, call)
        for node, file in self._types_of(call):
            add_type(node, file, shape, self.sight, self.depth)
        if self._makes(call):
            add_type(call.func, self.file, shape, self.sight, self.depth)
        self.sight.calls = before
        found = program.class_of(call.func, self.file)
        if found is None or program.members(found):
            return
        for keyword in call.keywords:
            part = self.shape_at(keyword.value)
            if keyword.arg is not None and part is not None:
                annotation, file = field_type(found, keyword.arg, program)
                add_type(annotation, file, part, self.sight, self.depth - 1)

    def _makes(self, call: ast.Call) -> bool:
        """Whether ``call`` makes an object of the user's class of the whole of what it is given."""
        if not takes_class(call.func, self.file, self.sight.program):
            return False
        whole = [keyword.value for keyword in call.keywords if keyword.arg is None]
        if len(call.args) == 1 and not call.keywords:
            whole = call.args
        return any(self.shape_at(value) is not None for value in whole)

    def _types_of(self, call: ast.Call) -> Iterator[tuple[ast.expr, str]]:
        """The classes that ``call`` names for what it makes: ``Move.model_validate(data)``, ``decode(data, type=Move)``.

        Also ``adapter.validate_json(data)``, where ``adapter`` is ``TypeAdapter(Move)``.
        """
        program = self.sight.program
        owner = getattr(call.func, "value", None)
        named = [*call.args, *(keyword.value for keyword in call.keywords)]
        for node in (*filter(None, [owner]), *named):
            if takes_class(node, self.file, program):
                yield node, self.file
        made_by = program.find(owner, self.file)
        if made_by is not None and isinstance(made_by.node, ast.Call):
            kept = made_by.node
            for node in (*kept.args, *(keyword.value for keyword in kept.keywords)):
                if takes_class(node, made_by.file, program):
                    yield node, made_by.file

    def _follow(self, node: ast.AST, file: str, call: ast.Call) -> None:
        """Look at the function of the user's that ``node`` names, which ``call`` gives the message."""
        program = self.sight.program
        if not self.sight.left:
            return
        called = [*functions_of(node, file, program)]
        if not called and isinstance(node, ast.Attribute):
            called = [(found, 0) for found in self._methods(node.attr)]
        for found, before in called:
            function = found.node
            assert isinstance(function, Scope)
            shapes = self._parameters(function, before, call)
            for name, shape in shapes.items():
                annotation = parameters(function)[name].annotation
                if takes_class(annotation, found.file, program):
                    shape.is_model = True
                    add_type(annotation, found.file, shape, self.sight, self.depth)
            for keyword in call.keywords:
                if keyword.arg is None and (whole := self.shape_at(keyword.value)) is not None:
                    shapes |= self._spread(found, before, call, whole)
            Look(function, found.file, shapes, self.sight, self.depth - 1).read()

    def _spread(self, found: Found, before: int, call: ast.Call, whole: Shape) -> dict[str, Shape]:
        """The parameters that a call gives the keys of the message to: ``join(socket, **message)``."""
        assert isinstance(found.node, Scope)
        named = {keyword.arg for keyword in call.keywords}
        names = self._positional(found.node, call)[before + len(call.args) :]
        shapes = {}
        for item in needed_parameters(found.node):
            if item.arg not in named and (item.arg in names or item in found.node.args.kwonlyargs):
                shapes[item.arg] = own = whole.key(item.arg)
                add_type(item.annotation, found.file, own, self.sight, self.depth)
        return shapes

    def _methods(self, name: str) -> Iterator[Found]:
        """The first method of that name in the file, for an object of which the source does not tell the class."""
        for node in self.sight.program.functions(self.file):
            if node.name == name:
                yield Found(node, self.file)
                return

    @staticmethod
    def _positional(called: Scope, call: ast.Call) -> list[str]:
        """The names of the parameters that are given by position, without a ``self`` that is bound."""
        names = [item.arg for item in (*called.args.posonlyargs, *called.args.args)]
        unbound = bool(call.args) and last_name(call.args[0]) in {"self", "cls"}
        return names[1:] if names[:1] in (["self"], ["cls"]) and not unbound else names

    def _parameters(self, called: Scope, before: int, call: ast.Call) -> dict[str, Shape]:
        """The parameters of ``called`` that ``call`` gives parts of the message to."""
        names = self._positional(called, call)[before:]
        pairs: list[tuple[str, ast.expr]] = [*zip(names, call.args, strict=False)]
        pairs += [(item.arg, item.value) for item in call.keywords if item.arg]
        known = parameters(called)
        shapes = {name: self.shape_at(value) for name, value in pairs if name in known}
        return {name: shape for name, shape in shapes.items() if shape is not None}


def _with_default(shape: Shape, given: list[ast.expr]) -> Shape:
    """``shape``, of which a default that ``get`` is given tells the type."""
    match given:
        case [ast.Constant(value=bool() as value)]:
            shape.accepted.append(not value)
        case [ast.Constant(value=int() | float() as value)]:
            shape.accepted.append(_CONVERTED[type(value).__name__])
    return shape


@lru_cache(maxsize=512)
def _returns(function: ast.AST) -> bool:
    """Whether a function has a ``return`` with a value."""
    return isinstance(function, Function) and any(
        isinstance(node, ast.Return) and node.value is not None for node in ast.walk(function)
    )


def name_of(call: ast.expr) -> str:
    """The name that represents the value of ``call`` among the names of variables."""
    return f"{call.lineno}:{call.col_offset}"


def _first_read(test: ast.expr) -> Iterator[ast.expr]:
    """The subscripts in ``test`` that are read whatever the rest of it says."""
    if isinstance(test, ast.Subscript):
        yield test
    inner = test.values[:1] if isinstance(test, ast.BoolOp) else ast.iter_child_nodes(test)
    for node in inner:
        if isinstance(node, ast.expr):
            yield from _first_read(node)


def _matches_class(pattern: ast.pattern) -> bool:
    """Whether ``pattern`` asks for a class, or for nothing."""
    match pattern:
        case ast.MatchClass():
            return True
        case ast.MatchAs(pattern=inner):
            return inner is None or _matches_class(inner)
        case ast.MatchOr(patterns=patterns):
            return all(map(_matches_class, patterns))
    return False

"""The JSON that a class of the user's is made from: pydantic, msgspec, attrs, dataclasses, TypedDict, enumerations."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TypeGuard

from wsdoctor.diagnosis.message import Shape, Sight
from wsdoctor.diagnosis.program import Found, Program, Scope, last_name

TEXT, NUMBER = "hello", 1

_VALUES: dict[str, object] = {
    "str": TEXT,
    "int": NUMBER,
    "float": 1.5,
    "bool": True,
    "dict": {},
    "list": [],
    "None": None,
    "Any": TEXT,
    "object": TEXT,
    "bytes": "aGVsbG8=",
    "Decimal": "1.5",
    "UUID": "6f1d2c3b-4a59-4e68-8d77-9c86ab95b4c3",
    "UUID4": "6f1d2c3b-4a59-4e68-8d77-9c86ab95b4c3",
    "datetime": "2024-01-01T00:00:00Z",
    "AwareDatetime": "2024-01-01T00:00:00Z",
    "NaiveDatetime": "2024-01-01T00:00:00",
    "date": "2024-01-01",
    "time": "12:00:00",
    "timedelta": "PT1S",
    "Path": "hello",
    "EmailStr": "hello@example.com",
    "HttpUrl": "https://example.com/",
    "AnyUrl": "https://example.com/",
    "AnyHttpUrl": "https://example.com/",
    "StrictStr": TEXT,
    "StrictInt": NUMBER,
    "StrictFloat": 1.5,
    "StrictBool": True,
    "PositiveInt": NUMBER,
    "NonNegativeInt": NUMBER,
    "NegativeInt": -1,
    "NonPositiveInt": -1,
    "PositiveFloat": 1.5,
    "NonNegativeFloat": 1.5,
}
"""Values that JSON has for types, by the last names of these."""

_OBJECTS = frozenset({"dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict"})
_LISTS = frozenset(
    {
        *("list", "List", "set", "Set", "frozenset", "FrozenSet", "Sequence", "MutableSequence"),
        *("Iterable", "Collection", "AbstractSet", "deque", "Deque"),
    }
)
_TUPLES = frozenset({"tuple", "Tuple"})
_AROUND = frozenset({"Annotated", "Required", "ReadOnly", "Final", "InitVar", "Optional"})
_LEFT_OUT = frozenset({"NotRequired", "ClassVar"})
_FIELDS = frozenset({"Field", "field", "ib", "attrib"})
"""Last names of the functions that describe a field in the place of its default."""


def add_type(node: ast.expr | None, file: str, shape: Shape, sight: Sight, depth: int) -> None:
    """Add to ``shape`` what JSON fulfils the annotation ``node``, which stands in ``file``."""
    if node is None or not depth:
        return
    members = [*_members(node, file, sight.program)]
    if len(members) != 1:
        _add_one_of(members, shape, sight, depth)
        return
    ((node, file),) = members
    match node:
        case ast.Subscript(value=value, slice=inner):
            first = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
            _add_generic(value, first, inner, file, shape, sight, depth)
            return
    found = sight.program.find(node, file)
    match None if found is None else found.node:
        case ast.ClassDef() if found is not None:
            _add_class(found, shape, sight, depth)
        case ast.Call(func=func, args=[_, inner]) if found and last_name(func) == "NewType":
            add_type(inner, found.file, shape, sight, depth - 1)
        case _ if (name := last_name(node)) in _VALUES:
            shape.accepted.append(_VALUES[name])
        case _ if name in _LISTS or name in _TUPLES:
            shape.accepted.append([])
        case _ if name in _OBJECTS:
            shape.accepted.append({})


def takes_class(node: ast.AST | None, file: str, program: Program) -> TypeGuard[ast.expr]:
    """Whether ``node`` is a class of the user's, or a union of some, that data is made into."""
    return isinstance(node, ast.expr) and any(
        (found := program.class_of(member, where)) is not None and not program.members(found)
        for member, where in _members(node, file, program)
    )


def needed_parameters(function: Scope) -> Iterator[ast.arg]:
    """The parameters that have no default, without ``self``."""
    taken = function.args
    some = [*taken.posonlyargs, *taken.args]
    for item in some[: len(some) - len(taken.defaults)]:
        if item.arg not in {"self", "cls"}:
            yield item
    for item, default in zip(taken.kwonlyargs, taken.kw_defaults, strict=True):
        if default is None:
            yield item


def field_type(cls: Found, name: str, program: Program) -> tuple[ast.expr | None, str]:
    """The annotation of a field of ``cls``, and the file that it stands in."""
    for found in program.bases(cls):
        for item in getattr(found.node, "body", ()):
            if isinstance(item, ast.AnnAssign) and last_name(item.target) == name:
                return item.annotation, found.file
    return None, cls.file


def _add_generic(  # noqa: PLR0917 - a generic type, and what is made of it
    value: ast.expr,
    first: ast.expr,
    inner: ast.expr,
    file: str,
    shape: Shape,
    sight: Sight,
    depth: int,
) -> None:
    name = last_name(value)
    items = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if name == "Literal":
        held = [sight.program.constant(item, file) for item in items]
        shape.accepted += [item for item in held if item is not None]
    elif name in _AROUND:
        before = len(shape.accepted)
        add_type(first, file, shape, sight, depth)
        limits = {key: limit for item in items[1:] for key, limit in _limits(item, file, sight)}
        shape.accepted[before:] = [_within(item, limits) for item in shape.accepted[before:]]
    elif name in _OBJECTS:
        shape.accepted.append({})
    elif name in _LISTS:
        if takes_class(first, file, sight.program):
            shape.is_list = True
            add_type(first, file, shape, sight, depth - 1)
        else:
            shape.accepted.append([_example(first, file, sight, depth - 1)])
    elif name in _TUPLES:
        whole = [item for item in items if not _is_ellipsis(item)]
        shape.accepted.append([_example(item, file, sight, depth - 1) for item in whole])
    else:
        add_type(value, file, shape, sight, depth)


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _example(node: ast.expr, file: str, sight: Sight, depth: int) -> object:
    shape = Shape()
    add_type(node, file, shape, sight, depth)
    return shape.value(TEXT)


def _add_one_of(
    members: list[tuple[ast.expr, str]], shape: Shape, sight: Sight, depth: int
) -> None:
    """Add what fulfils one of the types: each class of a union is a branch."""
    members = [(node, file) for node, file in members if not _is_none(node)]
    classes = [one for one in members if takes_class(one[0], one[1], sight.program)]
    if len(classes) > 1:
        sight.note([[node] for node, _ in classes])
        members = [one for one in classes if not sight.hides(one[0])] or classes
    if members:
        node, file = members[0]
        before, sight.calls = sight.calls, (*sight.calls, node)
        add_type(node, file, shape, sight, depth - 1)
        sight.calls = before


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _members(
    node: ast.expr, file: str, program: Program, depth: int = 6
) -> Iterator[tuple[ast.expr, str]]:
    """The types of a union, or the one type that ``node`` is, with the files that they stand in."""
    match node:
        case ast.Constant(value=str(text)):
            inner = _expression(text)
            if inner is not None:
                yield from _members(inner, file, program, depth)
            return
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            yield from _members(left, file, program, depth)
            yield from _members(right, file, program, depth)
            return
        case ast.Subscript(value=value, slice=inner) if last_name(value) == "Union":
            for item in inner.elts if isinstance(inner, ast.Tuple) else [inner]:
                yield from _members(item, file, program, depth)
            return
        case ast.Subscript(value=value, slice=inner) if last_name(value) in _AROUND:
            first = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
            within = [*_members(first, file, program, depth)]
            if len(within) > 1:
                yield from within
                return
        case ast.Name() | ast.Attribute() if depth:
            found = program.find(node, file)
            if found is not None and isinstance(found.node, ast.Subscript | ast.BinOp):
                yield from _members(found.node, found.file, program, depth - 1)
                return
    yield node, file


@lru_cache(maxsize=512)
def _expression(text: str) -> ast.expr | None:
    """An annotation that is written as a text; the same nodes each time, as branches are known by these."""
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return None


# --- classes


def _add_class(cls: Found, shape: Shape, sight: Sight, depth: int) -> None:
    """Add the members of an enumeration, or the fields of another class that it cannot be made without."""
    if members := sight.program.members(cls):
        shape.accepted += members.values()
        return
    bases = [*sight.program.bases(cls)]
    for root, file in _roots(bases):
        add_type(root, file, shape, sight, depth - 1)
        return
    shape.is_model = True
    options = _options(bases)
    if (tag := _tag(cls, options.get("tag"))) is not None:
        named = sight.program.constant(options.get("tag_field"), cls.file)
        shape.key("type" if named is None else str(named)).accepted.insert(0, tag)
    rename = sight.program.constant(options.get("rename"), cls.file)
    for item, file in _fields(bases):
        described = dict(_limits(item.value, file, sight))
        described |= _described(item.annotation, file, sight)
        alias = next((described[key] for key in _ALIASES if key in described), None)
        attribute = last_name(item.target)
        key = _RENAMES.get(str(rename), str)(attribute) if alias is None else str(alias)
        if not _is_needed(item):
            shape.optional[attribute] = key
            continue
        own = shape.add_field(attribute, key)
        before = len(own.accepted)
        add_type(item.annotation, file, own, sight, depth - 1)
        own.accepted[before:] = [_within(value, described) for value in own.accepted[before:]]


def _roots(bases: list[Found]) -> Iterator[tuple[ast.expr, str]]:
    """What a model is of that has no fields (pydantic, ``RootModel[…]``)."""
    for found in bases:
        for base in getattr(found.node, "bases", ()):
            if isinstance(base, ast.Subscript) and last_name(base.value) == "RootModel":
                yield base.slice, found.file


def _fields(bases: list[Found]) -> Iterator[tuple[ast.AnnAssign, str]]:
    """The fields of a class, and the files that they stand in: those of the bases first."""
    fields: dict[str, tuple[ast.AnnAssign, str]] = {}
    for found in reversed(bases):
        for item in getattr(found.node, "body", ()):
            if isinstance(item, ast.AnnAssign) and (name := last_name(item.target))[:1] != "_":
                fields[name] = (item, found.file)
    yield from fields.values()


_ALIASES = ("validation_alias", "alias", "name")


def _described(annotation: ast.expr, file: str, sight: Sight) -> Iterator[tuple[str, object]]:
    """What ``Annotated`` says of a field, by name."""
    match annotation:
        case ast.Subscript(value=value, slice=ast.Tuple(elts=[_, *others])):
            if last_name(value) == "Annotated":
                for item in others:
                    yield from _limits(item, file, sight)


def _is_needed(item: ast.AnnAssign) -> bool:
    """Whether data must have the field: it has no default, or it tells the classes of a union apart."""
    around = last_name(item.annotation.value) if isinstance(item.annotation, ast.Subscript) else ""
    if around in _LEFT_OUT:
        return False
    if item.value is None or _is_ellipsis(item.value):
        return True
    match item.value:
        case ast.Call(func=func, args=args, keywords=keywords) if last_name(func) in _FIELDS:
            names = {keyword.arg for keyword in keywords}
            given = args and not _is_ellipsis(args[0])
            if not given and not names & {"default", "default_factory", "factory"}:
                return True
    return around == "Literal"


def _options(bases: list[Found]) -> dict[str, ast.expr]:
    """What the heads of the classes say by name, the innermost one first: ``tag=True``."""
    options: dict[str, ast.expr] = {}
    for found in reversed(bases):
        for keyword in getattr(found.node, "keywords", ()):
            options[keyword.arg] = keyword.value
    return options


def _tag(cls: Found, tag: ast.expr | None) -> object:
    """The value by which msgspec tells a class from the others of a union (``Struct``, ``tag``)."""
    name = getattr(cls.node, "name", "")
    match tag:
        case ast.Constant(value=True):
            return name
        case ast.Constant(value=str() | int() as value) if value is not False:
            return value
        case ast.Attribute(value=ast.Name(id="str"), attr="lower"):
            return name.lower()
        case ast.Attribute(value=ast.Name(id="str"), attr="upper"):
            return name.upper()
    return None


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


_RENAMES = {
    "camel": _camel,
    "pascal": lambda name: "".join(part.capitalize() for part in name.split("_")),
    "kebab": lambda name: name.replace("_", "-"),
    "lower": str.lower,
    "upper": str.upper,
}
"""How msgspec renames fields (``Struct``, ``rename``)."""


# --- what is said of a value


def _limits(node: ast.expr | None, file: str, sight: Sight) -> Iterator[tuple[str, object]]:
    """The constants that ``Field(ge=3)``, ``Meta(max_length=2)`` or ``Ge(3)`` gives, by name."""
    if not isinstance(node, ast.Call):
        return
    for keyword in node.keywords:
        value = sight.program.constant(keyword.value, file)
        if keyword.arg is not None and value is not None:
            yield keyword.arg, value
    if node.args and (value := sight.program.constant(node.args[0], file)) is not None:
        name = {"MinLen": "min_length", "MaxLen": "max_length"}.get(last_name(node.func))
        yield name or last_name(node.func).lower(), value


def _within(value: object, limits: Mapping[str, object]) -> object:
    """A value of the same type that is within the limits, as far as these are understood."""
    said = {key: limit for key, limit in limits.items() if isinstance(limit, int | float)}
    if isinstance(value, str):
        shortest, longest = int(said.get("min_length", 0)), said.get("max_length")
        if len(value) < shortest:
            value = (value * shortest)[:shortest]
        return value if longest is None else value[: int(longest)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    least: float | None
    if (least := said.get("ge")) is not None and value < least:
        value = least
    if (least := said.get("gt")) is not None and value <= least:
        value = least + 1
    if (most := said.get("le")) is not None and value > most:
        value = most
    if (most := said.get("lt")) is not None and value >= most:
        value = most - 1
    return value

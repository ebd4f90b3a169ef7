"""Facts about a message: its keys and values, and the parts of the source that show them."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from wsdoctor.diagnosis.program import Program


@dataclass(slots=True)
class Shape:
    """Facts about a value: its keys, the constants that it is compared with, its type."""

    keys: dict[str, Shape] = field(default_factory=dict)
    constants: list[object] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    """Contents that the source looks for: keys of an object, or parts of a text."""
    accepted: list[object] = field(default_factory=list)
    """Values that it may have without a comparison: the members of an enumeration, or of a type."""
    spelled: dict[object, str] = field(default_factory=dict)
    """The text for a member of an enumeration that is looked up by its name: ``Op[message]``."""
    is_list: bool = False
    is_model: bool = False
    """Whether the source makes an object of a class from it."""
    fields: dict[str, str] = field(default_factory=dict)
    """The attributes that such an object must have, and their keys."""
    optional: dict[str, str] = field(default_factory=dict)
    """The attributes that have a default, and their keys."""
    attributes: dict[str, Shape] = field(default_factory=dict)
    """Facts about other attributes: optional ones, and those of the other classes of a union."""
    inner: Shape | None = None
    """The shape of the JSON that the source reads from a text."""

    def key(self, name: str) -> Shape:
        return self.keys.setdefault(name, Shape())

    def attribute(self, name: str) -> Shape:
        """Facts about an attribute of the object that is made from it."""
        if name in self.fields:
            return self.key(self.fields[name])
        return self.attributes.setdefault(name, Shape())

    def add_field(self, name: str, key: str) -> Shape:
        """Let the object have an attribute that is needed; what is known of it already stays known."""
        self.fields[name] = key
        own = self.attributes.pop(name, None)
        return self.keys.setdefault(key, Shape() if own is None else own)

    def decoded(self) -> Shape:
        """What the JSON is that the text holds."""
        if self.inner is None:
            self.inner = Shape()
        return self.inner

    def value(self, default: object) -> object:
        if self.inner is not None:
            return json.dumps(self.inner.value(default))
        keys = dict(self.keys)
        for name, shape in self.attributes.items():
            if name in self.optional and shape.constants:
                keys.setdefault(self.optional[name], shape)
        if keys:
            inner: dict[str, object] = dict.fromkeys(self.parts, default)
            inner |= {name: shape.value(default) for name, shape in keys.items()}
            return [inner] if self.is_list else inner
        for constant in (*self.constants, *self.parts, *self.accepted):
            return self.spelled.get(constant, constant) if self.spelled else constant
        return [default] if self.is_list else default

    @property
    def known(self) -> bool:
        return bool(self.keys or self.constants or self.accepted or self.is_list)


@dataclass(frozen=True, slots=True)
class Branch:
    """A part of the source that counts for some messages only, with its condition.

    It is a block of a function, an entry of a dictionary that says what is called, or a class of a union.
    ``calls`` lead to it.
    """

    nodes: Sequence[ast.AST]
    calls: tuple[ast.AST, ...]


@dataclass(slots=True)
class Sight:
    """The part of the source under examination, without the ``hidden`` nodes, and the results.

    ``chosen`` is the only branch to examine. ``calls`` lead to the function under examination. ``made``
    has the calls that make an object, each with the shape that it is made from.
    """

    program: Program
    hidden: frozenset[int] = frozenset()
    chosen: Branch | None = None
    branches: list[Branch] = field(default_factory=list)
    calls: tuple[ast.AST, ...] = ()
    made: dict[tuple[int, int], Shape] = field(default_factory=dict)
    left: int = 30_000
    """Nodes that may still be looked at: functions that call each other are looked at again and again."""

    def nodes(self, function: ast.AST) -> list[ast.AST]:
        """The nodes of ``function`` that are not passed over, from the outside in."""
        found: list[ast.AST] = [function]
        for node in found:
            found += [child for child in ast.iter_child_nodes(node) if not self.hides(child)]
        self.left = max(0, self.left - len(found))
        return found

    def hides(self, node: ast.AST) -> bool:
        return id(node) in self.hidden

    def note(self, branches: Sequence[Sequence[ast.AST]]) -> None:
        """Add branches, unless only one is looked at."""
        if not self.hidden:
            self.branches += [Branch(nodes, self.calls) for nodes in branches]

    def only(self, branch: Branch | None) -> Sight:
        """Without the other branches, except for those around ``branch``."""
        own = set() if branch is None else {id(node) for node in (*branch.nodes, *branch.calls)}
        return Sight(
            self.program,
            chosen=branch,
            hidden=frozenset(
                id(node)
                for other in self.branches
                if not own & {id(inner) for node in other.nodes for inner in ast.walk(node)}
                for node in other.nodes
            ),
        )

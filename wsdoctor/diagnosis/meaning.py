"""Whether a name in the source may stand for a given container, or only for another one that is called so.

It is another one if its own class, module or function gives it a new container there. What the source does
not tell counts as the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache

from wsdoctor.diagnosis.syntax import Function, innermost_function, parse, root_expression, root_of
from wsdoctor.recording.events import Holder

_STATES = ("app.state", "scope[")
"""How the owner of what a state holds begins: no class has that name."""

_SELF = frozenset({"self", "cls"})


class Meaning:
    """What in ``sources`` may stand for ``holder``."""

    def __init__(self, sources: Mapping[str, str], holder: Holder) -> None:
        self._holder = holder
        self._name = holder.name
        self._owner = holder.owner.rpartition(".")[2]
        self._is_state = holder.owner.startswith(_STATES)
        self._trees = {
            file: tree for file, text in sources.items() if (tree := parse(text)) is not None
        }
        self._classes: dict[str, list[tuple[str, ast.ClassDef]]] = {}
        for file, tree in self._trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    self._classes.setdefault(node.name, []).append((file, node))

    def in_function(self, file: str, function: Function) -> bool:
        """Whether ``function`` may be about it: if it is not about others of that name only."""
        uses = [
            node
            for node in ast.walk(function)
            if isinstance(node, ast.Name | ast.Attribute) and root_of(node) == self._name
        ]
        return not uses or any(self.in_expression(file, function, node) for node in uses)

    def in_expression(self, file: str, function: Function, expression: ast.expr) -> bool:
        """Whether ``expression``, in ``function``, may stand for it, or for what is in it."""
        root = root_expression(expression)
        tree = self._trees.get(file)
        if tree is None:
            return True
        around = _around(tree).get(id(function), ())
        if isinstance(root, ast.Name):
            return self._may_be_variable(file, tree, (function, *around))
        if not isinstance(root, ast.Attribute) or not isinstance(root.value, ast.Name):
            return True
        if root.value.id in _SELF:
            cls = next((node for node in around if isinstance(node, ast.ClassDef)), None)
            return cls is None or self._may_be_of(file, cls)
        found = [cls for where, cls in self._classes.get(root.value.id, ()) if where == file]
        found = found or self._classes_of(tree, (function, *around), root.value.id)
        return not found or any(self._may_be_of(file, cls) for cls in found)

    def _classes_of(
        self, tree: ast.Module, around: tuple[ast.AST, ...], name: str
    ) -> list[ast.ClassDef]:
        """The classes of the objects that the variable ``name`` is set to; none if the source does not say."""
        for scope in (*around, tree):
            if not isinstance(scope, Function | ast.Module):
                continue
            if isinstance(scope, Function) and _has_parameter(scope, name):
                return []
            if given := list(_given(scope, name)):
                made = [root_of(it.func) if isinstance(it, ast.Call) else "" for it in given]
                if not all(one in self._classes for one in made):
                    return []
                return [cls for one in made for _, cls in self._classes[one]]
        return []

    def at_line(self, file: str, line: int, expression: ast.expr) -> bool:
        """The same of an ``expression`` on ``line``."""
        tree = self._trees.get(file)
        function = None if tree is None else innermost_function(tree, line)
        return function is None or self.in_expression(file, function, expression)

    def _may_be_of(self, file: str, cls: ast.ClassDef) -> bool:
        """Whether the attribute of ``cls`` with that name may be it."""
        if self._holder.kind in {"attribute", "class"} and not self._is_state:
            own = [where for where, _ in self._classes.get(self._owner, ())]
            if cls.name == self._owner:
                return self._holder.file not in own or file == self._holder.file
            if self._owner in self._above(cls.name) or cls.name in self._above(self._owner):
                return True
        related = {cls.name, *self._above(cls.name)}
        return not any(
            _renews_attribute(node, self._name)
            for name in related
            for _, node in self._classes.get(name, ())
        )

    def _above(self, name: str) -> set[str]:
        """The names of the classes that the class ``name`` is derived from."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for _, node in self._classes.get(waiting.pop(), ()):
                for base in node.bases:
                    above = root_of(base)
                    if above and above not in found:
                        found.add(above)
                        waiting.append(above)
        return found

    def _may_be_variable(self, file: str, tree: ast.Module, around: tuple[ast.AST, ...]) -> bool:
        """Whether the variable of that name, in the innermost function of ``around``, may be it."""
        name = self._name
        for scope in around:
            if not isinstance(scope, Function) or _is_global(scope, name):
                continue
            if (given := list(_given(scope, name))) or _has_parameter(scope, name):
                if self._holder.kind == "variable" and scope.name == self._owner:
                    return True
                return not given or not all(_is_new(value) for value in given)
        if self._holder.kind == "global" and file == self._holder.file:
            return True
        given = list(_given(tree, name))
        return not given or not all(_is_new(value) for value in given)


@lru_cache(maxsize=64)
def _meaning(sources: tuple[tuple[str, str], ...], holder: Holder) -> Meaning:
    return Meaning(dict(sources), holder)


def meaning_of(sources: Mapping[str, str], holder: Holder) -> Meaning:
    """What in ``sources`` may stand for ``holder``; the same object for the same sources."""
    return _meaning(tuple(sources.items()), holder)


@lru_cache(maxsize=64)
def _around(tree: ast.Module) -> dict[int, tuple[ast.AST, ...]]:
    """The classes and functions around each function, by its id, the innermost first."""
    found: dict[int, tuple[ast.AST, ...]] = {}

    def look(node: ast.AST, around: tuple[ast.AST, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function):
                found[id(child)] = around
            inner = isinstance(child, Function | ast.ClassDef)
            look(child, (child, *around) if inner else around)

    look(tree, ())
    return found


def _is_global(function: Function, name: str) -> bool:
    return any(
        isinstance(node, ast.Global | ast.Nonlocal) and name in node.names
        for node in ast.walk(function)
    )


def _has_parameter(function: Function, name: str) -> bool:
    given = function.args
    return any(item.arg == name for item in (*given.posonlyargs, *given.args, *given.kwonlyargs))


def _given(scope: ast.Module | Function, name: str) -> Iterator[ast.expr | None]:
    """The values that the variable ``name`` is set to in ``scope`` itself; None for an unknown one."""
    waiting: list[ast.AST] = [*scope.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(item, ast.Name) and item.id == name for item in targets):
                yield node.value
                continue
        elif (
            isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
        ) or (isinstance(node, ast.alias) and (node.asname or node.name) == name):
            yield None
        waiting.extend(ast.iter_child_nodes(node))


def _renews_attribute(cls: ast.ClassDef, name: str) -> bool:
    """Whether ``cls`` gives its attribute ``name`` a new container, and nothing else."""
    given = [
        node.value
        for node in ast.walk(cls)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if _is_own(target, name, cls)
    ]
    return any(map(_is_new, given)) and all(
        value is None or _is_new(value) or name in ast.unparse(value) for value in given
    )


def _is_own(target: ast.expr, name: str, cls: ast.ClassDef) -> bool:
    if isinstance(target, ast.Name):
        return target.id == name
    return (
        isinstance(target, ast.Attribute)
        and target.attr == name
        and isinstance(target.value, ast.Name)
        and target.value.id in {*_SELF, cls.name}
    )


_NEW = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_MADE = frozenset(
    {
        *("list", "dict", "set", "deque", "defaultdict", "OrderedDict", "Counter", "field"),
        *("Queue", "PriorityQueue", "LifoQueue", "SimpleQueue", "WeakSet", "WeakValueDictionary"),
    }
)


def _is_new(value: ast.expr | None) -> bool:
    """Whether ``value`` makes a container."""
    if isinstance(value, ast.Call):
        return root_of(value.func) in _MADE
    return isinstance(value, _NEW)

"""What the names in the user's source stand for: functions, classes, constants, dictionaries, over several files."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from wsdoctor.diagnosis.syntax import Function, parse

Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
"""A node with parameters and variables of its own."""

_FOLLOWED = 8
"""How many names a name is followed through: ``a = b``, ``from .x import b``."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a name stands for: a function, a class or the expression of an assignment, in ``file``."""

    node: ast.AST
    file: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a dictionary with a constant key; ``key`` and ``value`` are nodes in ``file``."""

    constant: object
    key: ast.AST
    value: ast.AST
    file: str


class Program:
    """The user's files, by name, and what the names in them stand for.

    A name whose meaning the source does not tell for certain stands for nothing: a parameter, a
    variable that is assigned more than once.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources
        self._trees: dict[str, ast.Module | None] = {}
        self._parents: dict[str, dict[int, ast.AST]] = {}
        self._bound: dict[int, dict[str, list[ast.AST]]] = {}
        self._functions: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}
        self._modules: dict[str, dict[str, str | None]] = {}

    def tree(self, file: str) -> ast.Module | None:
        if file not in self._trees:
            self._trees[file] = parse(self._sources.get(file, ""))
        return self._trees[file]

    def functions(self, file: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        """The functions and methods in ``file``, those in others after these."""
        if file not in self._functions:
            tree = self.tree(file)
            nodes = ast.walk(tree) if tree is not None else ()
            self._functions[file] = [node for node in nodes if isinstance(node, Function)]
        return self._functions[file]

    def find(self, node: ast.AST | None, file: str, *, followed: int = _FOLLOWED) -> Found | None:
        """What ``node``, an expression in ``file``, stands for; itself if it is no name."""
        if not followed or node is None:
            return None
        match node:
            case ast.Name(id=name):
                found = self._named(name, node, file)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                found = self._member(self.class_around(node, file), name)
            case ast.Attribute(value=value, attr=name):
                found = self._attribute(value, name, file, followed)
            case _:
                return Found(node, file)
        if found is None or not isinstance(found.node, ast.Name | ast.Attribute):
            return found
        return self.find(found.node, found.file, followed=followed - 1)

    def class_of(self, node: ast.AST | None, file: str) -> Found | None:
        """The class of the user's that ``node`` names, if it names one."""
        found = self.find(node, file)
        return found if found is not None and isinstance(found.node, ast.ClassDef) else None

    def bases(self, cls: Found) -> Iterator[Found]:
        """``cls`` and the user's classes that it is derived from, each before its own bases."""
        assert isinstance(cls.node, ast.ClassDef)
        waiting, seen = [cls], {id(cls.node)}
        for found in waiting:
            yield found
            assert isinstance(found.node, ast.ClassDef)
            for base in found.node.bases:
                inner = base.value if isinstance(base, ast.Subscript) else base
                above = self.class_of(inner, found.file)
                if above is not None and id(above.node) not in seen:
                    seen.add(id(above.node))
                    waiting.append(above)

    def members(self, cls: Found) -> dict[str, object]:
        """The names and values of an enumeration; empty if ``cls`` is another class."""
        assert isinstance(cls.node, ast.ClassDef)
        kinds = {
            last_name(base) for found in self.bases(cls) for base in _class_of(found.node).bases
        }
        if not any(kind.endswith(("Enum", "Flag")) for kind in kinds):
            return {}
        values: dict[str, object] = {}
        for item in cls.node.body:
            match item:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name[0] != "_":
                    pass
                case _:
                    continue
            if isinstance(value, ast.Call) and last_name(value.func) == "auto":
                values[name] = name.lower() if "StrEnum" in kinds else len(values) + 1
                continue
            first = value.elts[0] if isinstance(value, ast.Tuple) and value.elts else value
            if (constant := self.constant(first, cls.file)) is not None:
                values[name] = constant
        return values

    def constant(self, node: ast.AST | None, file: str) -> str | int | float | None:
        """The text or number that ``node`` stands for: ``"join"``, ``JOIN``, ``Op.JOIN``, ``Op.JOIN.value``."""
        match node:
            case ast.Constant(value=str() | int() | float() as value):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return -value
            case ast.Attribute(value=ast.Attribute() as inner, attr="value"):
                return self.constant(inner, file)
            case ast.Attribute(value=value, attr=name) if cls := self.class_of(value, file):
                member = self.members(cls).get(name)
                if isinstance(member, str | int | float):
                    return member
        if not isinstance(node, ast.Name | ast.Attribute):
            return None
        found = self.find(node, file)
        if found is None or isinstance(found.node, ast.Name | ast.Attribute):
            return None
        return self.constant(found.node, found.file)

    def constants(self, node: ast.AST | None, file: str) -> list[tuple[object, ast.AST]]:
        """The constants that ``node`` stands for, or holds, each with its node.

        Those of ``JOIN``, ``(JOIN, "leave")``, ``KINDS``, an enumeration, and the keys of a dictionary.
        """
        if (one := self.constant(node, file)) is not None and node is not None:
            return [(one, node)]
        found = self.find(node, file)
        match None if found is None else found.node:
            case ast.Call(func=func, args=[inner]) if last_name(func) in _COLLECTS and found:
                return self.constants(inner, found.file)
            case ast.Call(func=ast.Attribute(value=value, attr="keys")) if found:
                return self.constants(value, found.file)
            case ast.ClassDef() as cls if found:
                return [(value, cls) for value in self.members(found).values()]
            case ast.Tuple(elts=items) | ast.Set(elts=items) | ast.List(elts=items) if found:
                held = [(self.constant(item, found.file), item) for item in items]
                return [(value, item) for value, item in held if value is not None]
        return [(entry.constant, entry.key) for entry in self.table(node, file)]

    def table(self, node: ast.AST | None, file: str, *, every: bool = False) -> list[Entry]:
        """The entries with constant keys of the dictionary that ``node`` stands for, if its source is a literal.

        Also those that are assigned one by one, where its name is defined: ``HANDLERS["join"] = join``.
        ``every``: also those with other keys, such as classes.
        """
        found = self.find(node, file)
        if found is None or not isinstance(found.node, ast.Dict):
            return []
        pairs = [*zip(found.node.keys, found.node.values, strict=True)]
        if isinstance(node, ast.Name):
            pairs += [
                (item.targets[0].slice, item.value)
                for item in getattr(self._scope_of(found), "body", ())
                if isinstance(item, ast.Assign)
                and isinstance(item.targets[0], ast.Subscript)
                and isinstance(item.targets[0].value, ast.Name)
                and item.targets[0].value.id == node.id
            ]
        entries = []
        for key, value in pairs:
            constant = self.constant(key, found.file)
            if key is not None and (constant is not None or every):
                entries.append(Entry(constant, key, value, found.file))
        return entries

    def class_around(self, node: ast.AST, file: str) -> Found | None:
        """The innermost class that ``node`` stands in."""
        for around in self._around(node, file):
            if isinstance(around, ast.ClassDef):
                return Found(around, file)
        return None

    def is_method(self, node: ast.AST, file: str) -> bool:
        """Whether a function stands in the body of a class."""
        return isinstance(next(self._around(node, file), None), ast.ClassDef)

    def qualified_name(self, node: ast.AST, file: str) -> str:
        """The qualified name of a function or a class."""
        parts = [getattr(node, "name", "<lambda>")]
        for around in self._around(node, file):
            if isinstance(around, Function):
                parts += ["<locals>", around.name]
            elif isinstance(around, ast.ClassDef):
                parts.append(around.name)
        return ".".join(reversed(parts))

    def _around(self, node: ast.AST, file: str) -> Iterator[ast.AST]:
        """What ``node`` stands in, from the inside out."""
        if file not in self._parents:
            tree = self.tree(file)
            self._parents[file] = {
                id(child): parent
                for parent in (ast.walk(tree) if tree is not None else ())
                for child in ast.iter_child_nodes(parent)
            }
        parents, around = self._parents[file], node
        while (above := parents.get(id(around))) is not None:
            yield above
            around = above
        tree = self.tree(file)
        if around is node and tree is not None and node is not tree:
            yield tree  # an annotation that is written as a text

    def _scope_of(self, found: Found) -> ast.AST | None:
        """The function or the module that ``found`` stands in."""
        for around in self._around(found.node, found.file):
            if isinstance(around, Scope | ast.Module):
                return around
        return None

    def _named(self, name: str, node: ast.AST, file: str) -> Found | None:
        """What ``name`` stands for where ``node`` stands, as Python looks it up."""
        direct = True
        for around in self._around(node, file):
            if isinstance(around, Scope) or (direct and isinstance(around, ast.ClassDef)):
                direct = False
                if isinstance(around, Scope) and name in parameters(around):
                    return self.class_around(around, file) if name == "cls" else None
            elif not isinstance(around, ast.Module):
                continue
            bound = self._bindings(around).get(name)
            if bound:
                return self._meant(bound, name, file)
        return None

    def _meant(self, bound: Sequence[ast.AST], name: str, file: str) -> Found | None:
        last = bound[-1]
        if isinstance(last, ast.ImportFrom):
            return self._imported(last, name, file)
        if isinstance(last, Function | ast.ClassDef):
            return Found(last, file)
        return Found(last, file) if len(bound) == 1 and isinstance(last, ast.expr) else None

    def _bindings(self, scope: ast.AST) -> dict[str, list[ast.AST]]:
        """What the names of a scope are bound to, in the order of the source."""
        if id(scope) not in self._bound:
            found: dict[str, list[ast.AST]] = {}
            for name, value in _bound_in(scope):
                found.setdefault(name, []).append(value)
            self._bound[id(scope)] = found
        return self._bound[id(scope)]

    def _member(self, cls: Found | None, name: str) -> Found | None:
        """What a class, or one of its methods by ``self.name = …``, has under ``name``."""
        if cls is None:
            return None
        for found in self.bases(cls):
            if bound := self._bindings(found.node).get(name):
                return self._meant(bound, name, found.file)
            own = [
                item.value
                for item in ast.walk(found.node)
                if isinstance(item, ast.Assign | ast.AnnAssign)
                and item.value is not None
                and any(
                    isinstance(target, ast.Attribute)
                    and target.attr == name
                    and isinstance(target.value, ast.Name)
                    and target.value.id == "self"
                    for target in (item.targets if isinstance(item, ast.Assign) else [item.target])
                )
            ]
            if own:
                return Found(own[0], found.file) if len(own) == 1 else None
        return None

    def _attribute(self, value: ast.expr, name: str, file: str, followed: int) -> Found | None:
        """What ``name`` of the module, or of the class, that ``value`` stands for is."""
        found = self.find(value, file, followed=followed - 1)
        if found is not None and isinstance(found.node, ast.Call):
            found = self.class_of(found.node.func, found.file)  # an object that is made here
        if found is not None and isinstance(found.node, ast.ClassDef):
            return self._member(found, name)
        module = self._imports(file).get(ast.unparse(value))
        tree = None if module is None else self.tree(module)
        if module is None or tree is None:
            return None
        bound = self._bindings(tree).get(name)
        return self._meant(bound, name, module) if bound else None

    def _imports(self, file: str) -> dict[str, str | None]:
        """The files of the modules that names in ``file`` stand for."""
        if file not in self._modules:
            found: dict[str, str | None] = {}
            tree = self.tree(file)
            for item in ast.walk(tree) if tree is not None else ():
                if isinstance(item, ast.Import):
                    for alias in item.names:
                        found[alias.asname or alias.name] = self._file(alias.name, 0, file)
                elif isinstance(item, ast.ImportFrom):
                    for alias in item.names:
                        path = f"{item.module}.{alias.name}" if item.module else alias.name
                        found[alias.asname or alias.name] = self._file(path, item.level, file)
            self._modules[file] = found
        return self._modules[file]

    def _imported(self, item: ast.ImportFrom, name: str, file: str) -> Found | None:
        own = next(alias.name for alias in item.names if (alias.asname or alias.name) == name)
        module = self._file(item.module or "", item.level, file)
        tree = None if module is None else self.tree(module)
        if module is None or tree is None or module == file:
            return None
        bound = self._bindings(tree).get(own)
        return self._meant(bound, own, module) if bound else None

    def _file(self, module: str, level: int, file: str) -> str | None:
        """The one file of the user's that the module may be read from."""
        parts = tuple(part for part in module.split(".") if part)
        endings = {(*parts[:-1], f"{parts[-1]}.py")} if parts else set()
        endings.add((*parts, "__init__.py"))
        if level:
            folder = PurePath(file).parts[:-level]
            endings = {(*folder, *ending) for ending in endings}
        found = [
            name
            for name in self._sources
            if any(PurePath(name).parts[-len(ending) :] == ending for ending in endings)
        ]
        return found[0] if len(found) == 1 else None


_COLLECTS = frozenset({"set", "frozenset", "tuple", "list", "dict", "MappingProxyType"})


def _class_of(node: ast.AST) -> ast.ClassDef:
    assert isinstance(node, ast.ClassDef)
    return node


def parameters(function: Scope) -> dict[str, ast.arg]:
    """The parameters of ``function`` by name, in their order."""
    taken = function.args
    every = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs]
    every += [item for item in (taken.vararg, taken.kwarg) if item is not None]
    return {item.arg: item for item in every}


def _bound_in(scope: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The names that ``scope`` binds, each with its definition or its value, without those of scopes in it."""
    for node in ast.iter_child_nodes(scope):
        yield from _bound_by(node, scope)
        if not isinstance(node, Scope | ast.ClassDef):
            yield from _bound_in(node)


def _bound_by(node: ast.AST, around: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The names that ``node`` itself binds; ``around`` is what it stands in."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name, node
        case ast.ImportFrom(names=names):
            yield from ((alias.asname or alias.name, node) for alias in names)
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _given(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _given(target, value)
        case ast.NamedExpr(target=target, value=value):
            yield from _given(target, value)
        case ast.Name(id=name, ctx=ast.Store()) if not isinstance(around, _GIVES):
            yield name, ast.Pass()  # by a loop, a `with`, `+=`: nothing is known of it
    if type(node).__name__ == "TypeAlias":  # Python 3.12
        yield node.name.id, node.value  # type: ignore[attr-defined]  # ast.TypeAlias came with 3.12


_GIVES = (ast.Assign, ast.AnnAssign, ast.NamedExpr)


def _given(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(target, ast.Name):
        yield target.id, value
        return
    for inner in ast.walk(target):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id, ast.Pass()


def last_name(node: ast.AST | None) -> str:
    """``join`` of ``join`` and of ``self.room.join``."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""

"""What the source says of a number that counts what is there: where it goes up, and where it comes down.

A gauge is a number that some line raises and another one lowers. One line is owed to the other if the
code that comes to the first one is to come to the second: it stands behind it, in a clean-up, or in the
function that is called there. If one function does both, by what is given to it, its calls are these lines.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from wsdoctor.diagnosis.calls import calls_in, expressions, own_statements
from wsdoctor.diagnosis.entries import Entry, frame_in
from wsdoctor.diagnosis.syntax import Function, parse, root_of
from wsdoctor.recording.events import Holder

NUMBER = "number"
"""The kind of container, in a Holder, of what is a number, or holds numbers."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A line at which the number called ``name`` goes ``up``, or down."""

    name: str
    up: bool
    node: ast.stmt
    function: Function
    parameter: str = ""
    """That of ``function`` which says by how much."""


@lru_cache(maxsize=64)
def gauges(source: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The names of the numbers that functions in ``source`` raise, and of those that they lower.

    The third are those that they move by what is given to them.
    """
    steps = _steps(source)
    return (
        frozenset(step.name for step in steps if step.up),
        frozenset(step.name for step in steps if not step.up),
        frozenset(step.name for step in steps if step.parameter),
    )


def movements(
    sources: Mapping[str, str], name: str, *, falls: bool, always: bool
) -> tuple[Entry, ...]:
    """Where the number called ``name`` moves away, each with the line that is to bring it back.

    ``falls``: it goes down with every client. If it does so not ``always``, but only when a client leaves
    in a certain way, then any line that brings it back is meant to.
    """
    given = [pair for pair in given_steps(sources) if pair[1].name == name]
    steps = [
        (file, step)
        for file, text in sources.items()
        for step in _steps(text)
        if step.name == name and not (given and step.parameter)
    ]
    away = [pair for pair in (*steps, *given) if pair[1].up is not falls]
    back = [pair for pair in (*steps, *given) if pair[1].up is falls]
    calls = calls_in(tuple(sources.values()))
    found = [
        Entry(
            frame_in(file, step.function, step.node.lineno),
            frame_in(where, other.function, other.node.lineno),
            ast.unparse(other.node),
        )
        for file, step in away
        for where, other in back
        if not always or calls.owes(step.node, step.function, other.node, other.function)
    ]
    found.sort(key=lambda entry: entry.take is None or entry.take.file != entry.put.file)
    return tuple(found)


def is_brought_back(sources: Mapping[str, str], holder: Holder, *, falls: bool) -> bool:
    """Whether some code is to bring back the number of the very object that ``holder`` is about.

    Several objects of one class may count: one of them what is there, another one what has been. True as
    well if the source does not name the objects whose number is brought back.
    """
    methods = _bringing_back(sources, holder, falls=falls)
    trees = [tree for text in sources.values() if (tree := parse(text)) is not None]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    made = {name for node in nodes for name in _made(node, holder)}
    used = {name for node in nodes for name in _used(node, methods)} - {"self", "cls"}
    if methods & {"__exit__", "__aexit__"}:  # all kinds of objects are entered
        used |= {name for node in nodes for name in _entered(node)} & made
    return not used or holder.through in used or not used <= made


def _bringing_back(sources: Mapping[str, str], holder: Holder, *, falls: bool) -> frozenset[str]:
    """The methods of the holder's class that bring the number back, or call one that does."""
    text = sources.get(holder.file, "")
    tree = parse(text)
    owner = holder.owner.rpartition(".")[2]
    functions = [
        function
        for node in (ast.walk(tree) if tree is not None else ())
        if isinstance(node, ast.ClassDef) and node.name == owner
        for function in node.body
        if isinstance(function, Function)
    ]
    moving = {
        step.function for step in _steps(text) if step.name == holder.name and step.up is falls
    }
    found = {function.name for function in functions if function in moving}
    while True:
        more = {
            function.name
            for function in functions
            for node in ast.walk(function)
            if found & set(_attributes(node))
        }
        if more <= found:
            return frozenset(found)
        found |= more


def _used(node: ast.AST, methods: frozenset[str]) -> Iterator[str]:
    """The name of the object one of whose ``methods`` stands at ``node``."""
    if isinstance(node, ast.Attribute) and node.attr in methods:
        yield root_of(node.value)


def _entered(node: ast.AST) -> Iterator[str]:
    """The names of the objects that ``node`` enters as context managers."""
    if isinstance(node, ast.withitem):
        yield root_of(node.context_expr)
    elif isinstance(node, ast.Call) and set(_attributes(node.func)) & _ENTERS:
        yield from map(root_of, node.args)


def _attributes(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute):
        yield node.attr


def _made(node: ast.AST, holder: Holder) -> Iterator[str]:
    """The names that ``node`` gives to new objects of the holder's class."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(
        node.value, ast.Call | ast.Tuple
    ):
        return
    calls = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    owner = holder.owner.rpartition(".")[2]
    if any(isinstance(call, ast.Call) and root_of(call.func) == owner for call in calls):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield from map(root_of, target.elts if isinstance(target, ast.Tuple) else [target])


_ENTERS = frozenset({"enter_context", "enter_async_context"})


def given_steps(sources: Mapping[str, str]) -> list[tuple[str, _Step]]:
    """The calls that move a number by the constant that they give to a function, with their files."""
    given = [step for text in sources.values() for step in _steps(text) if step.parameter]
    if not given:
        return []
    calls = calls_in(tuple(sources.values()))
    files = {
        id(function): file
        for file, text in sources.items()
        if (tree := parse(text)) is not None
        for function in ast.walk(tree)
        if isinstance(function, Function)
    }
    return [
        (files[id(caller)], _Step(step.name, (amount > 0) is step.up, node, caller))
        for step in given
        for caller, node in calls.callers(step.function)
        for amount in _amounts(node, step.function, step.parameter)
        if amount and id(caller) in files
    ]


def _amounts(node: ast.stmt, function: Function, parameter: str) -> Iterator[float]:
    """The constants that calls of ``function`` in ``node`` give to its ``parameter``."""
    names = [item.arg for item in (*function.args.posonlyargs, *function.args.args)]
    method = bool(names) and names[0] in {"self", "cls"}
    for part in expressions(node):
        if not isinstance(part, ast.Call) or root_of(part.func) != function.name:
            continue
        given = dict(zip(names[method:], part.args, strict=False))
        given |= {item.arg: item.value for item in part.keywords if item.arg}
        with contextlib.suppress(ValueError, TypeError):
            if parameter in given:
                yield float(ast.literal_eval(given[parameter]))


@lru_cache(maxsize=64)
def _steps(source: str) -> tuple[_Step, ...]:
    tree = parse(source)
    if tree is None:
        return ()
    return tuple(
        _Step(name, up, node, function, _parameter(function, amount))
        for function in ast.walk(tree)
        if isinstance(function, Function)
        for node in own_statements(function)
        for name, up, amount in _moved(node)
    )


def _parameter(function: Function, amount: ast.expr) -> str:
    """The name of ``amount``, if it is a parameter of ``function``."""
    arguments = function.args
    names = {item.arg for item in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    return amount.id if isinstance(amount, ast.Name) and amount.id in names else ""


def _moved(node: ast.stmt) -> Iterator[tuple[str, bool, ast.expr]]:
    """The name of the number that ``node`` moves, whether up, and by how much."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
        if name := root_of(node.target):
            yield name, isinstance(node.op, ast.Add), node.value
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        for part in ast.walk(node.value):
            if (
                isinstance(part, ast.BinOp)
                and isinstance(part.op, ast.Add | ast.Sub)
                and _reads(part.left, target)
                and (name := root_of(target))
            ):
                yield name, isinstance(part.op, ast.Add), part.right


def _reads(expression: ast.expr, target: ast.expr) -> bool:
    """Whether ``expression`` is what ``target`` holds: ``d[k]``, or ``d.get(k, 0)``."""
    if (
        isinstance(target, ast.Subscript)
        and isinstance(expression, ast.Call)
        and isinstance(expression.func, ast.Attribute)
        and expression.func.attr == "get"
        and expression.args
    ):
        return ast.unparse(expression.func.value) == ast.unparse(target.value) and ast.unparse(
            expression.args[0]
        ) == ast.unparse(target.slice)
    return ast.unparse(expression) == ast.unparse(target)

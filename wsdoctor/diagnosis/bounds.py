"""Code that keeps a container small by itself: a limit on its size, pruning by age, or a timer."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from wsdoctor.diagnosis.calls import STARTERS, own_statements
from wsdoctor.diagnosis.meaning import meaning_of
from wsdoctor.diagnosis.syntax import Function, own_nodes, parse, root_of
from wsdoctor.recording.events import Holder

PRUNED = 900.0
"""Virtual seconds after which what was put aside for a client that may come back is thrown away."""

_FIRST = frozenset({"popitem", "popleft"})
_ONE = frozenset({"discard", "pop", "remove"})
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_SAME = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)
_TASKS = frozenset({"create_task", "ensure_future", "start_soon", "add_task"})


def is_bounded(
    sources: Mapping[str, str], holder: Holder, starters: frozenset[str] = STARTERS
) -> bool:
    """Whether some code in ``sources`` keeps ``holder`` small, in number or in time.

    Code for another container of that name does not count. ``starters`` are the names of the calls
    after which a function may take something out later.
    """
    name, meaning = holder.name, meaning_of(sources, holder)
    later: set[str] = set()
    tasks: set[str] = set()
    functions: list[Function] = []
    for file, source in sources.items():
        tree = parse(source)
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, Function):
                if meaning.in_function(file, node):
                    functions.append(node)
            elif isinstance(node, ast.Call):
                verb = _verb(node.func)
                if verb in starters and _is_long(node):
                    for item in node.args:
                        later.add(_verb(item))
                        if (
                            isinstance(item, ast.Attribute)
                            and root_of(item.value) == name
                            and meaning.at_line(file, node.lineno, item.value)
                        ):
                            return True
                elif verb in _TASKS:
                    tasks.update(
                        _verb(item.func) for item in node.args if isinstance(item, ast.Call)
                    )
    return any(_bounds(function, name, later, tasks) for function in functions)


def _bounds(function: Function, name: str, later: set[str], tasks: set[str]) -> bool:
    slept = function.name in later
    for node, around in _with_blocks(function.body, ()):
        loops = any(isinstance(block, ast.While | ast.For | ast.AsyncFor) for block in around)
        for how in _removals(node, name):
            if (
                how == "first"
                or (slept and (how != "one" or not loops))
                or (how == "all" and any(_is_condition(block, name) for block in around))
                or (how != "all" and any(_is_limit(block, name) for block in around))
                or (how == "one" and _is_pruning(function, node, around, name))
            ):
                return True
        slept = slept or (function.name in tasks and not loops and _sleeps(node))
    return False


def _removals(node: ast.stmt, name: str) -> Iterator[str]:
    """What ``node`` takes out of ``name`` itself: the ``first`` ones, ``one`` by its key, or ``all``."""
    for part in own_nodes(node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
            verb, args = part.func.attr, part.args
            if not _is(part.func.value, name):
                continue
            if verb in _FIRST or (verb == "pop" and (not args or _is_number(args))):
                yield "first"
            elif verb in _ONE or verb == "clear":
                yield "one" if verb in _ONE else "all"
    if isinstance(node, ast.Delete):
        for target in node.targets:
            if isinstance(target, ast.Subscript) and _is(target.value, name):
                yield "first" if isinstance(target.slice, ast.Slice) else "one"
    elif isinstance(node, ast.Assign) and any(_is(_whole(item), name) for item in node.targets):
        yield from renewed(node.value, name)


def renewed(value: ast.expr, name: str) -> Iterator[str]:
    """What ``name = value`` takes out of it: the ``first`` ones, ``one`` that is looked for, or ``all``."""
    if isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Slice):
        if _is(value.value, name):
            yield "first"
    elif isinstance(value, ast.ListComp | ast.SetComp | ast.DictComp):
        tests = [test for part in value.generators for test in part.ifs]
        if tests and any(_mentions(part.iter, name) for part in value.generators):
            yield "one" if any(_is_search(test) for test in tests) else "first"
    elif isinstance(value, ast.List | ast.Dict) and not ast.unparse(value).strip("[]{}"):
        yield "all"


def _is_condition(block: ast.stmt, name: str) -> bool:
    """Whether ``block`` is entered under some condition, and not because there is no ``name`` yet."""
    if not isinstance(block, ast.If | ast.While):
        return False
    return not any(
        (
            isinstance(part, ast.Compare)
            and _is(part.left, name)
            and any(isinstance(op, ast.Is) for op in part.ops)
        )
        or (
            isinstance(part, ast.UnaryOp)
            and isinstance(part.op, ast.Not)
            and _is(part.operand, name)
        )
        for part in ast.walk(block.test)
    )


def _is_limit(block: ast.stmt, name: str) -> bool:
    """Whether ``block`` is entered only if there is much, or old, in ``name``."""
    if not isinstance(block, ast.If | ast.While):
        return False
    return any(
        isinstance(part, ast.Compare)
        and any(isinstance(op, _ORDER) for op in part.ops)
        and any(
            isinstance(call, ast.Call)
            and _verb(call.func) == "len"
            and any(_is(item, name) for item in call.args)
            for call in ast.walk(part)
        )
        for part in ast.walk(block.test)
    )


def _is_pruning(
    function: Function, node: ast.stmt, around: tuple[ast.stmt, ...], name: str
) -> bool:
    """Whether ``node`` takes out, in a loop over ``name``, all that is no longer wanted.

    It is none if that loop looks for one element, or finds out by an exception who is gone.
    """
    for position, loop in enumerate(around):
        if not isinstance(loop, ast.For | ast.AsyncFor):
            continue
        variables = {item.id for item in ast.walk(loop.target) if isinstance(item, ast.Name)}
        if not any(isinstance(p, ast.Name) and p.id in variables for p in own_nodes(node)):
            continue
        over, tests = _looked_at(function, loop.iter)
        inside = around[position + 1 :]
        tests = [*tests, *(block.test for block in inside if isinstance(block, ast.If))]
        if any(isinstance(block, ast.Try | ast.TryStar) for block in inside):
            continue
        if any(_mentions(part, name) for part in over):
            return not any(_is_search(test) for test in tests)
    return False


def _looked_at(function: Function, iterated: ast.expr) -> tuple[list[ast.expr], list[ast.expr]]:
    """What a loop goes over, also under a name that was given to it, and the tests for that."""
    over = [iterated]
    if isinstance(iterated, ast.Name):
        over += [
            node.value
            for node in own_statements(function)
            if isinstance(node, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == iterated.id for t in node.targets)
        ]
    tests = [
        test
        for part in over
        for inner in ast.walk(part)
        if isinstance(inner, ast.comprehension)
        for test in inner.ifs
    ]
    return over, tests


def _is_search(test: ast.expr) -> bool:
    """Whether ``test`` is for one thing that is known by another name."""
    return any(
        isinstance(part, ast.Compare)
        and any(isinstance(op, _SAME) for op in part.ops)
        and not any(isinstance(item, ast.Constant) for item in (part.left, *part.comparators))
        for part in ast.walk(test)
    )


def _with_blocks(
    block: list[ast.stmt], around: tuple[ast.stmt, ...]
) -> Iterator[tuple[ast.stmt, tuple[ast.stmt, ...]]]:
    """Each statement of ``block`` and of those in it, with the statements that are around it."""
    for node in block:
        if isinstance(node, Function | ast.ClassDef):
            continue
        yield node, around
        for part in (node, *getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            for field in ("body", "orelse", "finalbody"):
                yield from _with_blocks(getattr(part, field, None) or [], (*around, node))


def _is_long(call: ast.Call) -> bool:
    """Whether the call is delayed for longer than a check watches."""
    delay = call.args[0] if call.args else None
    if _verb(call.func) not in {"call_later", "Timer"} or not isinstance(delay, ast.Constant):
        return True
    return not isinstance(delay.value, int | float) or delay.value > PRUNED


def _sleeps(node: ast.stmt) -> bool:
    return any(isinstance(p, ast.Call) and _verb(p.func) == "sleep" for p in own_nodes(node))


def _is_number(args: list[ast.expr]) -> bool:
    """Whether these are the index of a list's: ``0`` or ``-1``."""
    return len(args) == 1 and ast.unparse(args[0]).lstrip("-").isdecimal()


def _whole(target: ast.expr) -> ast.expr:
    """``name`` of ``name[:]``."""
    whole = isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice)
    return target.value if whole and isinstance(target, ast.Subscript) else target


def _is(expression: ast.expr, name: str) -> bool:
    return isinstance(expression, ast.Name | ast.Attribute) and root_of(expression) == name


def _mentions(expression: ast.expr, name: str) -> bool:
    return any(_is(part, name) for part in ast.walk(expression) if isinstance(part, ast.expr))


def _verb(expression: ast.expr) -> str:
    return root_of(expression) if isinstance(expression, ast.Name | ast.Attribute) else ""

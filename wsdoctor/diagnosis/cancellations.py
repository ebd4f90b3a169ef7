"""Where the source cancels a task that it has started, by the name under which it keeps the task."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from wsdoctor.diagnosis.syntax import own_nodes, parse
from wsdoctor.recording.events import StackFrame

_KEEPS = frozenset({"add", "append", "setdefault"})


def cancelled_at(sources: Mapping[str, str], started: StackFrame) -> tuple[int, str]:
    """The line in the file of ``started`` that cancels the task which that line starts, and the call.

    ``(0, "")`` if none does.
    """
    tree = parse(sources.get(started.file, ""))
    if tree is None:
        return 0, ""
    kept = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= started.line <= (node.end_lineno or 0)
        for name in _kept_as(node)
    }
    calls = (call for call, names in _cancelled(tree) if names & kept)
    return next(((call.lineno, ast.unparse(call)) for call in calls), (0, ""))


def _kept_as(node: ast.stmt) -> Iterator[str]:
    """The names under which ``node`` keeps what it makes: of a variable, an attribute, a container."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield _name(target)
    elif isinstance(node, ast.AnnAssign):
        yield _name(node.target)
    for part in own_nodes(node):
        if (
            isinstance(part, ast.Call)
            and isinstance(part.func, ast.Attribute)
            and part.func.attr in _KEEPS
        ):
            yield _name(part.func.value)


def _cancelled(tree: ast.Module) -> Iterator[tuple[ast.Call, set[str]]]:
    """Each call of ``cancel()``, and the names that lead to what it cancels.

    A loop over all tasks is left out: it belongs to the application's shutdown.
    """
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "cancel"
        ):
            yield node, _names(node.func.value)


def _name(target: ast.expr) -> str:
    """``task`` of ``self.task``, ``tasks`` of ``tasks[name]``."""
    while isinstance(target, ast.Subscript):
        target = target.value
    if isinstance(target, ast.Attribute):
        return target.attr
    return target.id if isinstance(target, ast.Name) else ""


def _names(expression: ast.expr) -> set[str]:
    return {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(expression)
        if isinstance(node, ast.Attribute | ast.Name)
    }

"""Where a name that holds something is given its value: the line of the user's to look at."""

from __future__ import annotations

import ast

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.syntax import Function, parse
from wsdoctor.recording.events import Holder, StackFrame


def defined_at(connection: Connection, holder: Holder) -> StackFrame | None:
    """The line that gives ``holder`` its name, or else that of the class or function it belongs to."""
    if holder.at is not None:
        return holder.at
    tree = parse(connection.recording.sources.get(holder.file, ""))
    if tree is None:
        return None
    own = holder.owner.rpartition(".")[2]
    scope: ast.Module | ast.ClassDef | Function = tree
    if holder.kind != "global":
        found = next(
            (
                node
                for node in ast.walk(tree)
                if isinstance(node, ast.ClassDef | Function)
                and node.name == own
                and isinstance(node, ast.ClassDef) is (holder.kind != "variable")
            ),
            None,
        )
        if found is None:
            return None
        scope = found
    attribute = holder.kind == "attribute"
    for node in ast.walk(scope):
        if isinstance(node, ast.stmt) and _assigns(node, holder.name, attribute=attribute):
            return _frame_in(holder, scope, node.lineno)
    if isinstance(scope, ast.Module):
        return None
    return _frame_in(holder, scope, scope.lineno)


def _assigns(node: ast.stmt, name: str, *, attribute: bool) -> bool:
    """Whether ``node`` gives ``name`` its value, also as a function: one with a cache holds what it has got."""
    if isinstance(node, Function):
        return node.name == name and bool(node.decorator_list)
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return any(
        (isinstance(target, ast.Name) and target.id == name)
        or (attribute and isinstance(target, ast.Attribute) and target.attr == name)
        for target in targets
    )


def _frame_in(holder: Holder, scope: ast.AST, line: int) -> StackFrame:
    return StackFrame(
        file=holder.file,
        line=line,
        function="<module>" if holder.kind == "global" else holder.owner,
        user=True,
        first_line=getattr(scope, "lineno", 0),
    )

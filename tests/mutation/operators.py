"""The operators: each turns a correct program into one that lacks what made it correct."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager

from tests.mutation.trees import (
    Operator,
    Place,
    Try,
    With,
    assigned,
    awaits,
    call,
    called,
    first_line,
    last_name,
    place,
    replaced,
    statements,
    unguarded,
    with_preamble,
    without,
    yields,
)

_REMOVALS = frozenset(
    {"discard", "remove", "pop", "unsubscribe", "disconnect", "leave", "unregister", "clear"}
)
_GROUPS = frozenset({"TaskGroup", "create_task_group"})
_NO_RESOURCE = frozenset({"suppress", "timeout", "timeout_at", "fail_after", "move_on_after"})
_STATES = ("_state", "done")


def drop_except(tree: ast.Module) -> Iterator[Place]:
    for block, number, node in statements(tree):
        if isinstance(node, Try):
            for handler in node.handlers:
                left = [item for item in node.handlers if item is not handler]
                orelse = node.orelse if left else []
                rest = unguarded(node, handlers=left, orelse=orelse)
                if not left and node.orelse:
                    rest = [*rest, *node.orelse]
                with replaced(block, number, number + 1, rest):
                    caught = ast.unparse(handler.type) if handler.type else ""
                    yield place(handler, f"except {caught}".strip())


def narrow_except(tree: ast.Module) -> Iterator[Place]:
    for node in ast.walk(tree):
        caught: list[ast.expr] = []
        if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Tuple):
            caught = node.type.elts
        elif isinstance(node, ast.Call) and called(node) == "suppress":
            caught = node.args
        for item in list(caught) if len(caught) > 1 else ():
            with without(caught, item):
                yield place(item, f"{ast.unparse(item)} among what is caught")


def drop_cancel(tree: ast.Module) -> Iterator[Place]:
    for block, number, node in statements(tree):
        if called(node) == "cancel":
            with replaced(block, number, number + 1, ()):
                yield place(node)


def swap_cancel(tree: ast.Module) -> Iterator[Place]:
    for block, number, node in statements(tree):
        if called(node) == "cancel" and number + 1 < len(block):
            following = block[number + 1]
            if awaits(following) and called(following) != "cancel":
                with replaced(block, number, number + 2, (following, node)):
                    yield place(node, f"{first_line(node)}; {first_line(following)}")


def drop_wait(tree: ast.Module) -> Iterator[Place]:
    for block, number, node in statements(tree):
        earlier = block[number - 1] if number else None
        if earlier is None or not awaits(node) or isinstance(node, ast.FunctionDef):
            continue
        if called(earlier) == "cancel" or _is_loop_of_cancels(earlier):
            with replaced(block, number, number + 1, ()):
                yield place(node)


def _is_loop_of_cancels(node: ast.stmt) -> bool:
    return isinstance(node, ast.For) and all(called(item) == "cancel" for item in node.body)


def drop_suppress(tree: ast.Module) -> Iterator[Place]:
    for block, number, node in statements(tree):
        for item in node.items if isinstance(node, With) else ():
            if called(item.context_expr) == "suppress":
                with _without_item(block, number, item, ()):
                    yield place(item.context_expr)


def _without_item(
    block: list[ast.stmt], number: int, item: ast.withitem, instead: tuple[ast.stmt, ...]
) -> AbstractContextManager[None]:
    node = block[number]
    assert isinstance(node, With)
    rest = [one for one in node.items if one is not item]
    if rest:
        twin = copy.copy(node)
        twin.items = rest
        return replaced(block, number, number + 1, (*instead, twin))
    return replaced(block, number, number + 1, (*instead, *node.body))


def drop_return_exceptions(tree: ast.Module) -> Iterator[Place]:
    yield from _drop_keyword(tree, "return_exceptions")


def drop_listening(tree: ast.Module) -> Iterator[Place]:
    yield from _drop_keyword(tree, "listen_for_disconnect")
    for node in ast.walk(tree):
        # The decorator listens unless an argument forbids it.
        if isinstance(node, ast.Call) and called(node) == "websocket_stream":
            keywords = {keyword.arg for keyword in node.keywords}
            if "listen_for_disconnect" not in keywords:
                told = ast.keyword("listen_for_disconnect", ast.Constant(value=False))
                with assigned(node, "keywords", [*node.keywords, told]):
                    yield place(node)


def _drop_keyword(tree: ast.Module, name: str) -> Iterator[Place]:
    for node in ast.walk(tree):
        for keyword in list(node.keywords) if isinstance(node, ast.Call) else ():
            if keyword.arg == name:
                assert isinstance(node, ast.Call)
                with without(node.keywords, keyword):
                    yield place(node)


def drop_finally(tree: ast.Module) -> Iterator[Place]:
    for block, number, node in statements(tree):
        if isinstance(node, Try) and node.finalbody:
            with replaced(block, number, number + 1, unguarded(node, finalbody=[])):
                yield place(node.finalbody[0], f"finally: {first_line(node.finalbody[0])}")


def unguard_finally(tree: ast.Module) -> Iterator[Place]:
    for block, number, node in statements(tree):
        if isinstance(node, Try) and node.finalbody:
            after = [*unguarded(node, finalbody=[]), *node.finalbody]
            with replaced(block, number, number + 1, after):
                yield place(node.finalbody[0], f"finally: {first_line(node.finalbody[0])}")


def drop_removal(tree: ast.Module) -> Iterator[Place]:
    for block, number, node in statements(tree):
        if called(node) in _REMOVALS or isinstance(node, ast.Delete):
            with replaced(block, number, number + 1, ()):
                yield place(node)


def drop_manager(tree: ast.Module) -> Iterator[Place]:
    """The resource is there, but nothing gives it back: its ``__exit__`` is not called."""
    for block, number, node in statements(tree):
        for item in node.items if isinstance(node, With) else ():
            if called(item.context_expr) in _NO_RESOURCE | _GROUPS:
                continue
            with _without_item(block, number, item, (_entered(node, item),)):
                yield place(item.context_expr)


def _entered(node: ast.stmt, item: ast.withitem) -> ast.stmt:
    if isinstance(item.context_expr, ast.Call) and called(item.context_expr) == "aclosing":
        value: ast.expr = item.context_expr.args[0]
    else:
        is_async = isinstance(node, ast.AsyncWith)
        method = ast.Attribute(item.context_expr, "__aenter__" if is_async else "__enter__")
        value = ast.Call(method, [], [])
        value = ast.Await(value) if is_async else value
    if item.optional_vars is None:
        return ast.Expr(value)
    return ast.Assign([item.optional_vars], value, lineno=0)


def drop_exit(tree: ast.Module) -> Iterator[Place]:
    for block, number, node in statements(tree):
        is_return = isinstance(node, ast.Return) and node.value is None
        if is_return or isinstance(node, ast.Break):
            instead = () if len(block) > 1 else (ast.Pass(),)
            with replaced(block, number, number + 1, instead):
                yield place(node, f"{first_line(node)} at the end of a block")


def move_yield(tree: ast.Module) -> Iterator[Place]:
    for block, number, node in statements(tree):
        if not isinstance(node, Try | With):
            continue
        for at, item in enumerate(node.body):
            if isinstance(item, ast.Expr | ast.Assign) and yields(item):
                twin = copy.copy(node)
                twin.body = node.body[at + 1 :] or [ast.Pass()]
                with replaced(block, number, number + 1, (*node.body[: at + 1], twin)):
                    yield place(item)


def bare_tasks(tree: ast.Module) -> Iterator[Place]:
    for block, number, node in statements(tree):
        for item in node.items if isinstance(node, ast.AsyncWith) else ():
            if called(item.context_expr) in _GROUPS and isinstance(item.optional_vars, ast.Name):
                assert isinstance(node, ast.AsyncWith)
                twin = copy.deepcopy(node)
                group = item.optional_vars.id
                body = [
                    _Bare(group).visit(one) for one in twin.body if not _cancels_scope(one, group)
                ]
                twin.items = [one for one in twin.items if called(one.context_expr) not in _GROUPS]
                twin.body = body or [ast.Pass()]
                instead = [twin] if twin.items else twin.body
                with (
                    replaced(block, number, number + 1, instead),
                    with_preamble(tree, "import asyncio"),
                ):
                    yield place(item.context_expr)


def _cancels_scope(node: ast.stmt, group: str) -> bool:
    return called(node) == "cancel" and first_line(node).startswith(f"{group}.")


class _Bare(ast.NodeTransformer):
    """``group.start_soon(f, x)`` becomes ``asyncio.create_task(f(x))``."""

    def __init__(self, group: str) -> None:
        self._group = group

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        method = node.func
        if not isinstance(method, ast.Attribute) or last_name(method.value) != self._group:
            return node
        started = node.args[0]
        if method.attr == "start_soon":
            started = ast.Call(node.args[0], node.args[1:], [])
        return ast.Call(ast.parse("asyncio.create_task", mode="eval").body, [started], [])


def drop_signal(tree: ast.Module) -> Iterator[Place]:
    cleanups = [
        block
        for node in ast.walk(tree)
        if isinstance(node, Try | ast.ExceptHandler)
        for block in (node.finalbody if isinstance(node, Try) else node.body,)
    ]
    for block, number, node in statements(tree):
        flag = _is_flag(node) and any(block is one for one in cleanups)
        if flag or called(node) == "set" or _is_farewell(node):
            with replaced(block, number, number + 1, ()):
                yield place(node)


def _is_flag(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, bool)
    )


def _is_farewell(node: ast.stmt) -> bool:
    """Whether ``node`` puts None into a queue: the word for "there is no more"."""
    found = call(node)
    return (
        called(node) in {"put", "put_nowait"}
        and found is not None
        and any(isinstance(item, ast.Constant) and item.value is None for item in found.args)
    )


def drop_guard(tree: ast.Module) -> Iterator[Place]:
    """Run the body of an ``if`` always that asks whether the connection or the task is still there."""
    for block, number, node in statements(tree):
        if isinstance(node, ast.If) and not node.orelse and _asks_for_state(node.test):
            with replaced(block, number, number + 1, node.body):
                yield place(node)


def _asks_for_state(test: ast.expr) -> bool:
    return any(
        isinstance(item, ast.Attribute) and item.attr.endswith(_STATES) for item in ast.walk(test)
    ) or isinstance(test, ast.Name)


OPERATORS = (
    Operator("drop-except", "an `except` less", drop_except),
    Operator("narrow-except", "one exception less in an `except` or `suppress`", narrow_except),
    Operator("drop-suppress", "a `suppress` less", drop_suppress),
    Operator("drop-return-exceptions", "no `return_exceptions=True`", drop_return_exceptions),
    Operator("drop-finally", "a `finally` less", drop_finally),
    Operator("unguard-finally", "what was in a `finally` after the `try`", unguard_finally),
    Operator("drop-cancel", "a `cancel()` less", drop_cancel),
    Operator("swap-cancel", "the wait for a task before its `cancel()`", swap_cancel),
    Operator("drop-wait", "no wait for a task that was cancelled", drop_wait),
    Operator("bare-tasks", "bare tasks instead of a task group", bare_tasks),
    Operator("drop-manager", "a resource that no `with` gives back", drop_manager),
    Operator("move-yield", "the `yield` before its `try` or `with`", move_yield),
    Operator("drop-removal", "nothing that takes the connection out of a registry", drop_removal),
    Operator("drop-listening", "no listener next to a stream", drop_listening),
    Operator("drop-exit", "a `break` or `return` less", drop_exit),
    Operator("drop-signal", "an event or a flag that is never set", drop_signal),
    Operator("drop-guard", "no look at the state before it acts", drop_guard),
)

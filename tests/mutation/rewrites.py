"""The rewrites: each says the same in other words. A correct program stays correct, and must stay clean."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from tests.mutation.trees import (
    Function,
    Operator,
    Place,
    Try,
    With,
    assigned,
    awaits,
    called,
    first_line,
    place,
    replaced,
    statements,
    with_preamble,
    yields,
)

_DISCONNECT = "WebSocketDisconnect"


def rename_locals(tree: ast.Module) -> Iterator[Place]:
    for function in _outermost_functions(tree):
        own = _locals(function)
        if not own:
            continue
        body = function.body
        with assigned(
            function, "body", [_Renamed(own).visit(item) for item in copy.deepcopy(body)]
        ):
            yield place(function, f"{function.name}: {', '.join(sorted(own))}")


def _outermost_functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    outermost = [*tree.body, *(item for owner in classes for item in owner.body)]
    return [item for item in outermost if isinstance(item, Function)]


def _locals(function: ast.AST) -> set[str]:
    """The names that ``function`` and those in it assign, without arguments and globals."""
    stored: set[str] = set()
    other: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            stored.add(node.id)
        elif isinstance(node, ast.arg):
            other.add(node.arg)
        elif isinstance(node, ast.Global):
            other.update(node.names)
    return stored - other


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: set[str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(f"the_{node.id}", node.ctx) if node.id in self._names else node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        return ast.Nonlocal([f"the_{n}" if n in self._names else n for n in node.names])


_PASSED_ON = """
def passed_on(function):
    @functools.wraps(function)
    async def call(*args, **kwargs):
        return await function(*args, **kwargs)
    return call
"""


def decorate(tree: ast.Module) -> Iterator[Place]:
    """A decorator around every coroutine function."""
    for function in _outermost_functions(tree):
        if isinstance(function, ast.AsyncFunctionDef) and not yields(function):
            decorators = [*function.decorator_list, ast.Name("passed_on", ast.Load())]
            with (
                assigned(function, "decorator_list", decorators),
                with_preamble(tree, "import functools", _PASSED_ON),
            ):
                yield place(function, f"async def {function.name}")


def delegate(tree: ast.Module) -> Iterator[Place]:
    """The body of a coroutine function in a function of its own."""
    for function in _outermost_functions(tree):
        if not isinstance(function, ast.AsyncFunctionDef) or yields(function):
            continue
        arguments = {item.arg for item in ast.walk(function.args) if isinstance(item, ast.arg)}
        if arguments & {
            item.id
            for item in ast.walk(function)
            if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
        }:
            continue
        inner = ast.parse("async def inside(): pass").body[0]
        assert isinstance(inner, ast.AsyncFunctionDef)
        inner.body = function.body
        with assigned(
            function, "body", [inner, *ast.parse("return await inside()", mode="exec").body]
        ):
            yield place(function, f"async def {function.name}")


_TIDIED = """
@contextlib.asynccontextmanager
async def tidied(tidy):
    try:
        yield
    finally:
        await tidy()
"""


def finally_to_with(tree: ast.Module) -> Iterator[Place]:
    """An async context manager instead of ``try`` and ``finally``."""
    for block, number, node in statements(tree):
        if not isinstance(node, Try) or not node.finalbody or _stores(node.finalbody):
            continue
        if not _in_coroutine(tree, node):
            continue
        tidy = ast.parse("async def tidy(): pass").body[0]
        assert isinstance(tidy, ast.AsyncFunctionDef)
        tidy.body = node.finalbody
        entered = _inside("async with tidied(tidy): pass")[0]
        assert isinstance(entered, ast.AsyncWith)
        twin = copy.copy(node)
        twin.finalbody = []
        entered.body = [twin] if node.handlers else node.body
        with (
            replaced(block, number, number + 1, (tidy, entered)),
            with_preamble(tree, "import contextlib", _TIDIED),
        ):
            yield place(node.finalbody[0], f"finally: {first_line(node.finalbody[0])}")


def _stores(body: list[ast.stmt]) -> bool:
    return any(
        isinstance(getattr(node, "ctx", None), ast.Store) and isinstance(node, ast.Name)
        for item in body
        for node in ast.walk(item)
    )


def _in_coroutine(tree: ast.Module, wanted: ast.AST) -> bool:
    functions = [
        node
        for node in ast.walk(tree)
        if isinstance(node, Function) and any(item is wanted for item in ast.walk(node))
    ]
    return bool(functions) and isinstance(functions[-1], ast.AsyncFunctionDef)


def pass_to_suppress(tree: ast.Module) -> Iterator[Place]:
    """``suppress`` instead of ``except: pass``."""
    for block, number, node in statements(tree):
        if not isinstance(node, ast.Try) or len(node.handlers) != 1 or node.orelse:
            continue
        handler = node.handlers[0]
        if not isinstance(handler.body[0], ast.Pass) or handler.type is None or handler.name:
            continue
        caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        entered = ast.parse("with contextlib.suppress(): pass").body[0]
        assert isinstance(entered, ast.With)
        assert isinstance(entered.items[0].context_expr, ast.Call)
        entered.items[0].context_expr.args = caught
        entered.body = node.body
        instead: ast.stmt = entered
        if node.finalbody:
            twin = copy.copy(node)
            twin.handlers, twin.body = [], [entered]
            instead = twin
        with (
            replaced(block, number, number + 1, (instead,)),
            with_preamble(tree, "import contextlib"),
        ):
            yield place(handler, f"except {ast.unparse(handler.type)}: pass")


def suppress_to_pass(tree: ast.Module) -> Iterator[Place]:
    """``except: pass`` instead of ``suppress``."""
    for block, number, node in statements(tree):
        if not isinstance(node, ast.With) or len(node.items) != 1:
            continue
        manager = node.items[0].context_expr
        if isinstance(manager, ast.Call) and called(manager) == "suppress":
            caught: ast.expr = ast.Tuple(manager.args, ast.Load())
            handler = ast.ExceptHandler(caught, None, [ast.Pass()])
            with replaced(block, number, number + 1, (ast.Try(node.body, [handler], [], []),)):
                yield place(manager)


def wait_to_gather(tree: ast.Module) -> Iterator[Place]:
    """``gather(..., return_exceptions=True)`` instead of ``wait([...])``."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Await):
            continue
        waiting = node.value.value
        if (
            isinstance(waiting, ast.Call)
            and called(waiting) == "wait"
            and not waiting.keywords
            and len(waiting.args) == 1
            and isinstance(waiting.args[0], ast.List)
        ):
            gathered = ast.parse("asyncio.gather(return_exceptions=True)", mode="eval").body
            assert isinstance(gathered, ast.Call)
            gathered.args = waiting.args[0].elts
            with assigned(node.value, "value", gathered):
                yield place(node)


def catch_os_error(tree: ast.Module) -> Iterator[Place]:
    """OSError wherever the disconnect is caught: a server raises one, too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if _names(caught) == {_DISCONNECT}:
                with assigned(node, "type", ast.Tuple([*caught, _os_error()], ast.Load())):
                    yield place(node, f"except {ast.unparse(caught[0])}")
        elif isinstance(node, ast.Call) and called(node) == "suppress":
            if _names(node.args) != {_DISCONNECT}:
                continue
            with assigned(node, "args", [*node.args, _os_error()]):
                yield place(node)


def _os_error() -> ast.expr:
    return ast.Name("OSError", ast.Load())


def _names(nodes: list[ast.expr]) -> set[str]:
    return {ast.unparse(node).rpartition(".")[2] for node in nodes}


def reorder(tree: ast.Module) -> Iterator[Place]:
    """Two assignments of which neither needs the other, the other way round."""
    for block, number, node in statements(tree):
        following = block[number + 1] if number + 1 < len(block) else None
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        if not isinstance(following, ast.Assign | ast.AnnAssign):
            continue
        if block is tree.body or awaits(node) or awaits(following) or yields(node):
            continue
        first, second = (_used(item) for item in (node, following))
        if yields(following) or first & second or "create_task" in first & second:
            continue
        with replaced(block, number, number + 2, (following, node)):
            yield place(node, f"{first_line(node)}; {first_line(following)}")


def _used(node: ast.AST) -> set[str]:
    return {ast.unparse(item) for item in ast.walk(node) if isinstance(item, ast.Name)} - {
        "asyncio"
    }


_ENDED = """
async def ended(task):
    task.cancel()
    await asyncio.wait([task])
"""


def extract_end(tree: ast.Module) -> Iterator[Place]:
    """``cancel()`` and the wait for the task in a function that others may call, too."""
    for block, number, node in statements(tree):
        following = block[number + 1] if number + 1 < len(block) else None
        if called(node) != "cancel" or called(following) not in {"gather", "wait"}:
            continue
        assert isinstance(node, ast.Expr)
        assert isinstance(node.value, ast.Call)
        assert isinstance(node.value.func, ast.Attribute)
        task = ast.unparse(node.value.func.value)
        assert following is not None
        plain = {
            f"await asyncio.gather({task}, return_exceptions=True)",
            f"await asyncio.wait([{task}])",
        }
        if ast.unparse(following) in plain:
            with (
                replaced(block, number, number + 2, _inside(f"await ended({task})")),
                with_preamble(tree, "import asyncio", _ENDED),
            ):
                yield place(node, f"{first_line(node)}; {first_line(following)}")


def _inside(line: str) -> list[ast.stmt]:
    """``line``, as it may stand in a coroutine function."""
    function = ast.parse(f"async def f():\n {line}").body[0]
    assert isinstance(function, ast.AsyncFunctionDef)
    return function.body


def name_tasks(tree: ast.Module) -> Iterator[Place]:
    """Tasks that the loop creates, and not the module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "asyncio.create_task":
            loop = ast.parse("asyncio.get_running_loop().create_task", mode="eval").body
            with assigned(node, "func", loop):
                yield place(node)


def enter_stack(tree: ast.Module) -> Iterator[Place]:
    """An exit stack instead of ``with`` and ``async with``."""
    for block, number, node in statements(tree):
        if not isinstance(node, With) or not _in_coroutine(tree, node):
            continue
        if any(called(item.context_expr) in {"suppress", "timeout"} for item in node.items):
            continue  # not the same: a stack leaves its managers after its whole body
        entered = []
        for item in node.items:
            method = "enter_async_context" if isinstance(node, ast.AsyncWith) else "enter_context"
            name = f"{ast.unparse(item.optional_vars)} = " if item.optional_vars else ""
            awaited = "await " if isinstance(node, ast.AsyncWith) else ""
            entered += _inside(f"{name}{awaited}stack.{method}({ast.unparse(item.context_expr)})")
        stack = _inside("async with contextlib.AsyncExitStack() as stack: pass")[0]
        assert isinstance(stack, ast.AsyncWith)
        stack.body = [*entered, *node.body]
        with (
            replaced(block, number, number + 1, (stack,)),
            with_preamble(tree, "import contextlib"),
        ):
            yield place(node)


REWRITES = (
    Operator("rename-locals", "other names for its local variables", rename_locals),
    Operator("decorate", "a decorator around its function", decorate),
    Operator("delegate", "its body in a function of its own", delegate),
    Operator("finally-to-with", "`async with` instead of `finally`", finally_to_with),
    Operator("enter-stack", "an exit stack instead of `with`", enter_stack),
    Operator("pass-to-suppress", "`suppress` instead of `except: pass`", pass_to_suppress),
    Operator("suppress-to-pass", "`except: pass` instead of `suppress`", suppress_to_pass),
    Operator(
        "wait-to-gather", "`gather(return_exceptions=True)` instead of `wait`", wait_to_gather
    ),
    Operator("catch-os-error", "OSError caught beside the disconnect", catch_os_error),
    Operator("reorder", "two independent statements the other way round", reorder),
    Operator("extract-end", "cancel and wait in a helper function", extract_end),
    Operator("create-by-loop", "`loop.create_task` instead of `asyncio.create_task`", name_tasks),
)

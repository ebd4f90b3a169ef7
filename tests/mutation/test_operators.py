"""What the operators and rewrites do to a program, and that they leave it as it was."""

from __future__ import annotations

import ast
import textwrap

import pytest

from tests.mutation.campaign import mutants
from tests.mutation.operators import OPERATORS
from tests.mutation.rewrites import REWRITES

LISTENER = """
    try:
        yield
    except (WebSocketDisconnect, OSError):
        pass
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
"""


def changed(name: str, source: str) -> list[str]:
    """The programs that operator ``name`` makes of the body of a coroutine function."""
    tree = ast.parse("async def f():\n" + textwrap.indent(textwrap.dedent(source), "    "))
    before = ast.unparse(tree)
    operator = next(item for item in (*OPERATORS, *REWRITES) if item.name == name)
    found = []
    for _ in operator.change(tree):
        function = next(item for item in tree.body if getattr(item, "name", "") == "f")
        body = ast.unparse(ast.fix_missing_locations(function)).partition("\n")[2]
        found.append(textwrap.dedent(body))
    assert ast.unparse(tree) == before
    return found


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def test_an_except_less():
    (program,) = changed("drop-except", LISTENER)
    assert lines(program)[:3] == ["try:", "yield", "finally:"]


def test_one_exception_less_in_an_except():
    assert [lines(program)[2] for program in changed("narrow-except", LISTENER)] == [
        "except (OSError,):",
        "except (WebSocketDisconnect,):",
    ]


def test_a_finally_less():
    (program,) = changed("drop-finally", LISTENER)
    assert "finally:" not in program
    assert "cancel" not in program


def test_a_finally_that_runs_only_if_all_went_well():
    (program,) = changed("unguard-finally", LISTENER)
    assert "finally:" not in program
    assert program.splitlines()[-2] == "task.cancel()"


def test_a_cancel_less_and_a_wait_less():
    (program,) = changed("drop-cancel", LISTENER)
    assert lines(program)[-1] == "await asyncio.gather(task, return_exceptions=True)"
    assert "cancel" not in program
    (program,) = changed("drop-wait", LISTENER)
    assert lines(program)[-1] == "task.cancel()"


def test_the_wait_before_the_cancel():
    (program,) = changed("swap-cancel", LISTENER)
    assert lines(program)[-2:] == [
        "await asyncio.gather(task, return_exceptions=True)",
        "task.cancel()",
    ]


def test_a_yield_before_its_try():
    (program,) = changed("move-yield", LISTENER)
    assert lines(program)[:3] == ["yield", "try:", "pass"]


@pytest.mark.parametrize(
    "name, source, expected",
    [
        ("drop-suppress", "with suppress(OSError):\n    await x()", "await x()"),
        ("drop-return-exceptions", "await gather(x, return_exceptions=True)", "await gather(x)"),
        ("drop-removal", "rooms.add(x)\nrooms.discard(x)", "rooms.add(x)"),
        ("drop-removal", "del rooms[x]", "pass"),
        ("drop-exit", "while True:\n    f()\n    break", "while True:\n    f()"),
        ("drop-signal", "gone.set()\nf()", "f()"),
        ("drop-signal", "queue.put_nowait(None)\nf()", "f()"),
        ("drop-guard", "if not task.done():\n    task.cancel()", "task.cancel()"),
        (
            "drop-listening",
            "await stream(x, listen_for_disconnect=True)",
            "await stream(x)",
        ),
        (
            "drop-manager",
            "async with aclosing(x()) as y:\n    await f(y)",
            "y = x()\nawait f(y)",
        ),
        (
            "drop-manager",
            "async with room() as y:\n    await f(y)",
            "y = await room().__aenter__()\nawait f(y)",
        ),
        (
            "bare-tasks",
            "async with TaskGroup() as g:\n    g.create_task(x())",
            "asyncio.create_task(x())",
        ),
        (
            "bare-tasks",
            "async with create_task_group() as g:\n    g.start_soon(x, 1)\n    g.cancel_scope.cancel()",
            "asyncio.create_task(x(1))",
        ),
        (
            "pass-to-suppress",
            "try:\n    f()\nexcept (A, B):\n    pass",
            "with contextlib.suppress(A, B):\n    f()",
        ),
        (
            "suppress-to-pass",
            "with suppress(A):\n    f()",
            "try:\n    f()\nexcept (A,):\n    pass",
        ),
        (
            "wait-to-gather",
            "await asyncio.wait([x, y])",
            "await asyncio.gather(x, y, return_exceptions=True)",
        ),
        (
            "catch-os-error",
            "with suppress(WebSocketDisconnect):\n    f()",
            "with suppress(WebSocketDisconnect, OSError):\n    f()",
        ),
        ("reorder", "x = 1\ny = 2", "y = 2\nx = 1"),
        ("extract-end", "t.cancel()\nawait asyncio.wait([t])", "await ended(t)"),
    ],
)
def test_what_an_operator_makes_of_a_program(name, source, expected):
    assert changed(name, source) == [expected]


@pytest.mark.parametrize(
    "name, source",
    [
        ("reorder", "x = 1\ny = x"),
        ("reorder", "x = await f()\ny = 2"),
        ("drop-exit", "return 1"),
        ("drop-guard", "if text == 'bye':\n    f()"),
        ("wait-to-gather", "await asyncio.wait([x], timeout=1)"),
        ("finally-to-with", "try:\n    f()\nfinally:\n    x = 1"),
    ],
)
def test_where_an_operator_finds_nothing_to_do(name, source):
    assert changed(name, source) == []


def test_every_mutant_is_a_program_of_its_own_and_every_operator_makes_some():
    made = mutants()
    for mutant in made:
        compile(mutant.source, mutant.id, "exec")
    assert len({mutant.id for mutant in made}) == len(made)
    assert {mutant.operator for mutant in made} == set(OPERATORS)

"""What a look at the source tells about a line."""

from __future__ import annotations

import textwrap

import pytest

from tests.diagnosis.story import Story
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.location import where
from wsdoctor.diagnosis.source import read
from wsdoctor.recording.events import StackFrame


def look(source: str):
    """The facts about the line that ends in ``# <-``."""
    text = textwrap.dedent(source)
    number = next(i for i, line in enumerate(text.splitlines(), 1) if line.endswith("# <-"))
    story = Story().opened().recording()
    connection = Connection(type(story)(**{f: getattr(story, f) for f in story.__struct_fields__} | {"sources": {"a.py": text}}))  # fmt: skip
    return read(connection, StackFrame(file="a.py", line=number, function="f", user=True))


@pytest.mark.parametrize(
    "body, expected",
    [
        ("await task  # <-\n    task.cancel()", ("task", False, True)),
        ("task.cancel()\n    await task  # <-", ("task", True, False)),
        ("await self.task  # <-\n    self.task.cancel()", ("self.task", False, True)),
        ("other.cancel()\n    await task  # <-", ("task", False, False)),
        ("await work()  # <-", ("", False, False)),
    ],
)
def test_which_task_is_awaited_and_whether_it_was_cancelled(body, expected):
    line = look(f"async def f(task, other, self):\n    {body}\n")
    assert (line.awaited, line.cancelled_before, line.cancelled_after) == expected


@pytest.mark.parametrize(
    "body, guards",
    [
        ("try:\n        yield  # <-\n    except WebSocketDisconnect:\n        pass", ("WebSocketDisconnect",)),
        ("try:\n        yield  # <-\n    finally:\n        pass", ()),
        ("with suppress(A, B):\n        yield  # <-", ("A", "B")),
        ("yield  # <-", ()),
    ],
)  # fmt: skip
def test_what_is_caught_around_a_yield(body, guards):
    line = look(f"@asynccontextmanager\nasync def f():\n    {body}\n")
    assert (line.is_yield, line.is_context_manager, line.guards) == (True, True, guards)


def test_source_that_cannot_be_read_says_nothing():
    line = look("async def f(:  # <-\n")
    assert (line.awaited, line.is_yield, line.guards) == ("", False, ())


@pytest.mark.parametrize(
    "source, in_finally",
    [
        (
            "async def f():\n    try:\n        work()\n    finally:\n        await task  # <-\n",
            True,
        ),
        (
            "async def f():\n    try:\n        await task  # <-\n    finally:\n        work()\n",
            False,
        ),
        (
            "async def f():\n    try:\n        work()\n    except E:\n        await task  # <-\n",
            False,
        ),
    ],
)
def test_whether_a_line_is_in_a_finally(source, in_finally):
    assert look(source).in_finally is in_finally


@pytest.mark.parametrize(
    "body, guards",
    [
        ("try:\n        await x()  # <-\n    except (A, B):\n        pass", ("(A, B)",)),
        ("try:\n        await x()  # <-\n    except:\n        pass", ("everything",)),
        ("try:\n        await x()  # <-\n    except* A:\n        pass", ("A",)),
        ("try:\n        pass\n    except A:\n        await x()  # <-", ()),
        ("try:\n        pass\n    except A:\n        pass\n    else:\n        await x()  # <-", ()),
        ("try:\n        try:\n            await x()  # <-\n        except A:\n            pass\n    except B:\n        pass", ("B", "A")),
        ("with contextlib.suppress(A):\n        await x()  # <-", ("A",)),
        ("with other(A):\n        await x()  # <-", ()),
        ("async with lock:\n        await x()  # <-", ()),
    ],
)  # fmt: skip
def test_what_is_caught_around_a_line(body, guards):
    assert look(f"async def f():\n    {body}\n").guards == guards


def test_the_innermost_function_counts():
    line = look(
        """
        async def outer(task):
            task.cancel()

            async def inner():
                await task  # <-
        """
    )
    assert (line.awaited, line.cancelled_before) == ("task", False)


def test_a_statement_of_several_lines_is_read_whole():
    line = look(
        """
        async def f(task):
            await (
                task  # <-
            )
            task.cancel()
        """
    )
    assert (line.awaited, line.cancelled_after) == ("task", True)


@pytest.mark.parametrize(
    "decorator, is_one",
    [
        ("@asynccontextmanager", True),
        ("@contextlib.asynccontextmanager", True),
        ("@app.lifespan", False),
        ("", False),
    ],
)
def test_what_is_a_context_manager(decorator, is_one):
    assert look(f"{decorator}\nasync def f():\n    yield  # <-\n").is_context_manager is is_one


@pytest.mark.parametrize(
    "line, expression",
    [
        ("await queue.get()", "queue.get()"),
        ("x = [await a(), await b()]", "a()"),
        ("await task", "task"),
        ("async with group() as g:", "group()"),
        ("async for row in rows():", "rows()"),
        ("work()", ""),
        (f"await send({'x' * 80})", "send(…)"),
        (f"await {'x' * 80}", ""),
    ],
)
def test_what_a_line_waits_for_as_it_is_written(line, expression):
    body = f"    {line}  # <-\n" + ("        pass\n" if line.endswith(":") else "")
    assert look(f"async def f():\n{body}").expression == expression


@pytest.mark.parametrize(
    "body, in_loop, caught_by",
    [
        ("while True:\n        await x()  # <-", True, 0),
        ("await x()  # <-\n    while True:\n        pass", False, 0),
        ("while True:\n        try:\n            await x()  # <-\n        except Exception:\n            pass", True, 5),
        ("while True:\n        try:\n            await x()  # <-\n        except (KeyError, s.WebSocketDisconnect):\n            continue", True, 5),
        ("while True:\n        try:\n            await x()  # <-\n        except:\n            log()", True, 5),
        ("while True:\n        try:\n            await x()  # <-\n        except WebSocketDisconnect:\n            break", True, 0),
        ("while True:\n        try:\n            await x()  # <-\n        except KeyError:\n            pass", True, 0),
        ("try:\n        while True:\n            await x()  # <-\n    except WebSocketDisconnect:\n        pass", True, 0),
    ],
)  # fmt: skip
def test_whether_a_loop_goes_on_after_the_disconnect(body, in_loop, caught_by):
    line = look(f"async def f():\n    {body}\n")
    assert (line.in_loop, line.caught_by) == (in_loop, caught_by)


@pytest.mark.parametrize(
    "line, shielded",
    [
        ("task = asyncio.shield(work())", True),
        ("t = ensure_future(shield(work()))", True),
        ("t = start(work())", False),
    ],
)
def test_whether_a_line_shields_what_it_starts(line, shielded):
    assert look(f"async def f():\n    {line}  # <-\n").is_shielded is shielded


@pytest.mark.parametrize(
    "place, said",
    [
        (None, "outside your code"),
        (StackFrame(file="/a/b/app.py", line=14, function="f", user=True), "app.py:14"),
        (StackFrame(file="C:\\a\\app.py", line=3, function="f", user=True), "app.py:3"),
    ],
)
def test_a_place_in_a_sentence(place, said):
    assert where(place) == said

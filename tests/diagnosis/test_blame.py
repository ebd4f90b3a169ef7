"""What a look at the source tells about a line."""

from __future__ import annotations

import textwrap

import pytest

from tests.diagnosis.story import Story
from wsdoctor.diagnosis.blame import read
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.recording.events import StackFrame


def look(source: str):
    """What is said about the line that ends in ``# <-``."""
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

"""What connections leave open outside, as the rules WSD308 and WSD309 read it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.diagnosis.story import DISCONNECT, Story, error, frame
from wsdoctor.diagnosis.causes import causes
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.recording import events as e

PEER = "socket to 127.0.0.1:5432"
SOCKET = e.LeftResource("socket", PEER, (frame(3),), task=1)
CHILD = e.LeftResource("process", "child process", (frame(3),), task=1)
TAKEN = e.LeftResource("taken", "pooled connection of asyncpg", (frame(3),), task=1)
STARVED = e.LeftResource("taken", TAKEN.what, (frame(3),), task=1, starved=(frame(2),))
FILE = e.LeftResource("file", "temporary file", (frame(5),), task=1)
LIBRARY = e.StackFrame(file="library.py", line=9, function="run", user=False, package="library")


def over(exception: Any = None) -> Story:
    """A connection that has come and gone."""
    story = Story().opened().started().client_leaves().received("websocket.disconnect")
    return story.returned(exception)


def look(story: Story, number: int, *left: e.LeftResource, **more: Any) -> Story:
    return story.add(e.ResourcesLeft, connection=number, resources=left, **more)


def visited(story: Story, number: int, *left: e.LeftResource) -> Story:
    story.add(e.AppReturned, connection=number)
    return look(story, number, *left) if left else story


def told(story: Story) -> list[tuple[str, int, str, str]]:
    return [
        (
            cause.occurrence.code,
            cause.occurrence.place.line if cause.occurrence.place else 0,
            cause.occurrence.fault,
            cause.occurrence.severity,
        )
        for cause in causes(Connection(story.recording()))
    ]


LEFT = ("WSD309", 3, "app", "error")


@pytest.mark.parametrize(
    "item, found",
    [(SOCKET, LEFT), (CHILD, ("WSD308", 3, "app", "error")), (TAKEN, LEFT)],
    ids=["socket", "process", "taken"],
)
def test_what_every_client_leaves(item, found):
    story = look(look(over(), 1, item), 1, item)
    for number in (2, 3):
        visited(story, number, item)
    assert told(story) == [found]


@pytest.mark.parametrize(
    "second, third",
    [
        ((), ()),  # it uses what the first one opened
        ((FILE,), (SOCKET,)),  # another line
        ((SOCKET,), ()),  # a pool of two
    ],
)
def test_what_not_every_client_leaves_is_the_applications_own(second, third):
    story = look(look(over(), 1, SOCKET), 1, SOCKET)
    visited(visited(story, 2, *second), 3, *third)
    assert told(story) == []


def test_what_is_closed_in_an_instant_is_none():
    assert told(visited(look(over(), 1, SOCKET), 2, SOCKET)) == []


@pytest.mark.parametrize(
    "timers, second, found",
    [
        (False, (SOCKET,), [("WSD309", 3, "app", "warning")]),  # its own time-out ends it
        (False, (), []),  # a pool that keeps it for the next client, for a while
        (True, (SOCKET,), []),  # the user's timer is going to close it
    ],
)
def test_what_is_closed_by_itself_after_a_while(timers, second, found):
    story = look(over(), 1, SOCKET, timers=timers).add(
        e.ResourcesLeft, connection=1, resources=(), after=50.0
    )
    visited(story, 2, SOCKET)
    visited(story, 3, SOCKET)
    look(story, 2, *second)
    assert told(story) == found


def test_what_a_task_of_the_users_is_there_to_close():
    story = over()
    for kind, more in (
        (e.TaskCreated, {"name": "T", "coroutine": "close_later", "parent": 1, "root": frame(11)}),
        (e.TaskEnded, {"outcome": "returned"}),
    ):
        if kind is e.TaskEnded:
            story.sampled("returned", e.TaskStack(task=2, stack=(frame(11),)))
            look(story, 1, SOCKET)
        story.add(kind, connection=1, task=2, **more)
    look(story, 1)
    for number in (2, 3):
        visited(story, number, SOCKET)
    look(story, 2, SOCKET)
    assert "WSD309" not in {code for code, *_ in told(story)}


def test_a_pool_that_has_nothing_left_for_the_next_client():
    story = look(look(over(), 1, TAKEN), 1, STARVED)
    assert told(story) == [LEFT]
    (cause,) = causes(Connection(story.recording()))
    assert cause.occurrence.evidence == ("the next client asked for one at app.py:2, and got none",)
    assert cause.occurrence.message == (
        "the pooled connection of asyncpg, taken at app.py:3, is not given back after the handler has returned"
    )


def test_one_line_that_leaves_several_things_is_one_finding():
    both = (SOCKET, TAKEN)
    story = visited(look(look(over(), 1, *both), 1, *both), 2, *both)
    assert told(story) == [LEFT]
    (cause,) = causes(Connection(story.recording()))
    assert cause.occurrence.setting == "pool"
    assert cause.occurrence.evidence[-1] == f"a {PEER} stays open with it"


def test_what_a_package_opens_by_itself_is_the_packages():
    item = e.LeftResource("socket", PEER, (), (LIBRARY,))
    story = visited(look(look(over(), 1, item), 1, item), 2, item)
    assert told(story) == [("WSD309", 0, "package", "info")]


def test_what_the_handler_did_not_come_to_close_has_that_for_its_cause():
    gone = error(7, DISCONNECT, frame(5))
    story = visited(look(look(over(gone), 1, SOCKET), 1, SOCKET), 2, SOCKET)
    (cause,) = causes(Connection(story.recording()))
    assert cause.occurrence.code == "WSD201"
    assert [symptom.code for symptom in cause.symptoms] == ["WSD309"]


@pytest.mark.parametrize(
    "root, opener, found",
    [
        # The user's own task is left, and what it has opened with it.
        (frame(11, "stream"), 2, ["WSD301"]),
        # A library's task that serves what the handler has left open.
        (LIBRARY, 1, ["WSD309"]),
        # Two things that the handler has left, each at its line.
        (frame(11, "stream"), 1, ["WSD309", "WSD301"]),
    ],
    ids=["of-task", "of-package", "two"],
)
def test_a_task_that_is_left_and_what_is_open(root, opener, found):
    story = over()
    left = e.LeftResource("socket", PEER, (frame(3),), task=opener)
    for number, task in ((1, 2), (2, 12)):
        born = e.TaskCreated(
            time=0.0,
            step=0,
            connection=number,
            task=task,
            name="Task",
            coroutine=root.function,
            parent=1,
            stack=(frame(3),),
            root=root,
        )
        story.events.append(born)
        if number > 1:
            story.add(e.AppReturned, connection=number)
        story.add(
            e.StacksSampled,
            connection=number,
            reason="returned",
            stacks=(e.TaskStack(task=task, stack=(root,)),),
        )
        look(story, number, left)
    look(story, 1, left)
    assert sorted(code for code, *_ in told(story)) == sorted(found)

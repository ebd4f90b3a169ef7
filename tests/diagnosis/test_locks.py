"""Tables of events -> causes for the locks that a connection leaves held."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import CANCELLED, DISCONNECT, FRAMEWORK, KEY, Story, error, frame
from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.recording import events as e

SOURCE = """\
async def handler(ws):
    await ws.accept()
    await table.lock.acquire()
    await ws.send("your turn")
    await ws.receive()
    table.lock.release()


async def quick(ws):
    await asyncio.wait_for(seats.acquire(), 1)
    try:
        await ws.receive()
    finally:
        seats.release()
"""

HERE = (frame(3),)


def left_by(task: int = 1, **more: Any) -> e.LeftLock:
    fields: dict[str, Any] = {"lock": 1, "kind": "asyncio.Lock", "since": 0.0, "stack": HERE}
    return e.LeftLock(task=task, **fields | more)


def met(how: str, seconds: float = 120.0, line: int = 3, connection: int = 2) -> e.LockMet:
    return e.LockMet(connection, how, (frame(line),), seconds)  # type: ignore[arg-type]  # from a table


def told(*others: e.LockMet, **more: Any) -> Story:
    """The handler has returned, and the second client met ``others``."""
    story = Story().opened().client_leaves().received("websocket.disconnect").returned()
    return looked(story, *others, **more)


def looked(story: Story, *others: e.LockMet, **more: Any) -> Story:
    story.add(e.LocksLeft, 0.5, locks=(left_by(**more),))
    return story.add(e.LocksLeft, 120.0, locks=(left_by(met=others, **more),))


def diagnosed(story: Story) -> Diagnosed:
    return diagnose(replace(story.recording(), sources={"app.py": SOURCE}))


def codes(story: Story) -> list[str]:
    return [cause.occurrence.code for cause in diagnosed(story).causes]


@pytest.mark.parametrize(
    "other, said",
    [
        (met("waits"), "the next client waits for it there, for ever"),
        (met("waits", line=5), "the next client waits for it at app.py:5, for ever"),
        (met("in-vain", 5.0), "the next client waited 5.0 s for it there, in vain"),
        (met("in-vain", 0.1), "the next client waited 0.1 s for it there, in vain"),
        (met("keeps"), "the next client kept one as well"),
    ],
)
def test_the_line_that_acquired_it_is_named_and_what_became_of_the_next_client(other, said):
    (cause,) = diagnosed(told(other)).causes
    found = cause.occurrence
    assert (found.code, found.severity, found.place) == ("WSD307", "error", frame(3))
    assert said in found.message
    assert "the lock `table.lock` at app.py:3" in found.message


def test_the_release_that_was_not_reached_is_reported():
    (cause,) = diagnosed(told(met("waits"))).causes
    assert any(
        "`release()` at app.py:6 was not reached" in line for line in cause.occurrence.evidence
    )


def test_one_in_a_finally_is_not():
    quick = e.StackFrame(file="app.py", line=10, function="quick", user=True, first_line=9)
    (cause,) = diagnosed(told(met("waits"), stack=(quick,))).causes
    assert "the lock `seats` at app.py:10" in cause.occurrence.message
    assert not cause.occurrence.evidence


def test_of_a_semaphore_the_permits_that_are_left_are_reported():
    story = told(met("keeps"), kind="asyncio.Semaphore", free=1)
    (cause,) = diagnosed(story).causes
    assert "a permit of `table.lock`" in cause.occurrence.message
    assert "two clients came and went, and 1 permit is left" in cause.occurrence.evidence


@pytest.mark.parametrize(
    "story",
    [
        told(),  # no other task wanted it
        told(met("in-vain", 0.0)),
        told(met("in-vain", 0.1), free=0),  # other tasks may have had the other permits
        told(met("refused")),  # it was asked whether it is free, and is none the worse for it
    ],
)
def test_what_harms_no_client_is_no_finding_and_the_application_is_not_as_new(story):
    assert codes(story) == []
    assert not diagnosed(story).spotless


def test_what_is_released_later_is_none():
    story = Story().opened().client_leaves().received("websocket.disconnect").returned()
    assert codes(story.add(e.LocksLeft, 0.5, locks=(left_by(),))) == []


def closed_by_the_application(connection: int) -> dict[str, Any]:
    return {"connection": connection, "call": 9, "message": "websocket.close", "task": 9}


def test_who_is_turned_away_is_harmed():
    story = Story().opened().client_leaves().received("websocket.disconnect").returned()
    story.add(e.SendCalled, **closed_by_the_application(2))
    assert codes(looked(story, met("refused"))) == ["WSD307"]


def test_but_not_where_the_first_one_was_turned_away_as_well():
    story = Story().opened().sent("websocket.close").returned().client_leaves()
    story.add(e.SendCalled, **closed_by_the_application(2))
    assert "WSD307" not in codes(looked(story, met("refused")))


@pytest.mark.parametrize("ends, found", [(True, ["WSD307"]), (False, [])])
def test_a_task_that_is_still_there_may_release_it(ends, found):
    story = Story().opened().started(2).client_leaves().received("websocket.disconnect").returned()
    if ends:
        story.add(e.TaskEnded, task=2, outcome="returned")
    assert codes(looked(story, met("waits"), since=0.0)) == found


@pytest.mark.parametrize("ends, found", [(True, ["WSD307"]), (False, [])])
def test_so_may_the_one_that_had_it_acquired_by_a_task_of_its_own(ends, found):
    story = Story().opened().started(2)
    story.now = 1.0
    story.add(e.TaskCreated, task=3, name="", coroutine="Lock.acquire", parent=2, stack=HERE)
    story.add(e.TaskEnded, task=3, outcome="returned")
    story.client_leaves().received("websocket.disconnect").returned()
    if ends:
        story.add(e.TaskEnded, task=2, outcome="returned")
    assert codes(looked(story, met("waits"), task=3, since=1.0)) == found


def test_an_exception_that_leaves_the_handler_is_the_cause():
    gone = error(1, DISCONNECT, FRAMEWORK, frame(5))
    story = Story().opened().client_leaves().received("websocket.disconnect").returned(gone)
    (cause,) = diagnosed(looked(story, met("waits"))).causes
    assert cause.occurrence.code == "WSD201"
    assert [symptom.code for symptom in cause.symptoms] == ["WSD307"]


def test_so_is_one_that_ends_the_task_unseen():
    broken = error(1, KEY, frame(12, "stream"))
    story = Story().opened().started(2).add(
        e.TaskEnded, task=2, outcome="raised", exception=broken
    )  # fmt: skip
    story.client_leaves().received("websocket.disconnect").returned()
    story.add(
        e.LoopErrorReported,
        message="Task exception was never retrieved",
        task=2,
        exception=broken,
    )
    (cause,) = diagnosed(looked(story, met("waits"), task=2)).causes
    assert cause.occurrence.code == "WSD302"
    assert [symptom.code for symptom in cause.symptoms] == ["WSD307"]


def test_a_cancellation_that_the_handler_asked_for_is_none():
    """The task was to end, and its lock was not to be left held."""
    story = Story().opened().started(2).client_leaves().received("websocket.disconnect")
    story.add(e.CancelRequested, task=2, by="app", stack=(frame(8),))
    story.add(e.TaskEnded, task=2, outcome="cancelled", exception=error(1, CANCELLED)).returned()
    assert codes(looked(story, met("waits"), task=2)) == ["WSD307"]


def test_one_line_is_found_once():
    story = Story().opened().client_leaves().received("websocket.disconnect").returned()
    both = tuple(left_by(lock=number, met=(met("waits"),)) for number in (1, 2))
    story.add(e.LocksLeft, 0.5, locks=both).add(e.LocksLeft, 120.0, locks=both)
    assert codes(story) == ["WSD307"]

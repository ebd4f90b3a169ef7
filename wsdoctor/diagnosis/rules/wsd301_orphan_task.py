"""WSD301 orphan-task: a task that the connection started outlives it."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import origin_of, where
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.exceptions import ids
from wsdoctor.diagnosis.finding import Severity
from wsdoctor.diagnosis.rule import Occurrence, Rule, seconds
from wsdoctor.diagnosis.rules._defiant import defiant
from wsdoctor.diagnosis.rules._remedies import (
    CANCEL_IN_LIFESPAN,
    CANCEL_THEN_WAIT,
    EXPECT_THE_END,
    EXPECT_THE_END_LITESTAR,
    MAY_NOTICE_FIRST,
    WHY_WAIT,
    remedy,
)
from wsdoctor.recording.events import (
    StackFrame,
    StacksSampled,
    TaskCreated,
)

SECOND_VISIT = 2
"""The connection that a session makes to see whether what was left behind grows."""


def detect(connection: Connection) -> Iterator[Occurrence]:
    returned = connection.returned
    if returned is None:
        return
    told_to_end = defiant(connection)
    reported: set[StackFrame | None] = set()
    for task in connection.outlived:
        place = origin_of(connection, task)
        if place in reported or _belongs_to_orphan(connection, task):
            continue
        if task.task in connection.destroyed or task.task in told_to_end:
            continue  # WSD303, WSD502
        end = connection.ends.get(task.task)
        if end is None and not _grows(connection, task, place):
            continue
        reported.add(place)
        yield _occurrence(connection, task, place, returned.time)


def _belongs_to_orphan(connection: Connection, task: TaskCreated) -> bool:
    """Whether it was started by another task that is left: that one is the cause."""
    return task.parent != connection.main_task and any(
        other.task == task.parent for other in connection.outlived
    )


def _grows(connection: Connection, task: TaskCreated, place: StackFrame | None) -> bool:
    """Whether the next connection left one behind at the same place.

    A task that is started once, by whichever connection comes first, is the application's own. What
    no line of the user's started has no place of its own: there it must be the same function, too.
    """
    second = Connection(connection.recording, SECOND_VISIT)
    return any(
        origin_of(second, other) == place and (task.stack != () or other.root == task.root)
        for other in second.outlived
    )


def _occurrence(
    connection: Connection, task: TaskCreated, place: StackFrame | None, returned: float
) -> Occurrence:
    end = connection.ends.get(task.task)
    raised = end.exception if end is not None else None
    unretrieved = raised is not None and any(
        event.exception is not None and event.exception.id == raised.id
        for event in connection.unretrieved
    )
    severity: Severity = "error" if end is None or unretrieved else "info"
    evidence = [_lived(connection, None if end is None else end.time - returned)]
    if unretrieved and raised is not None:
        evidence.append(f"it ended with {raised.type.rpartition('.')[2]}, which nobody retrieved")
    index = next(
        i
        for i, event in enumerate(connection.events)
        if isinstance(event, StacksSampled) and event.reason == "returned"
    )
    return Occurrence(
        code=RULE.code,
        message=f"the task `{task.coroutine.rpartition('.')[2]}` that the connection started at {where(place)} is still "
        "running after the handler has returned",
        place=place,
        severity=severity,
        mark="logged" if unretrieved else "masked",
        index=index,
        evidence=tuple(evidence),
        explains=ids(raised) | connection.refused_to(task.task),
        task=task.task,
    )


def _lived(connection: Connection, after: float | None) -> str:
    """How it ended, ``after`` seconds."""
    if after is None:
        return "it never ended, and the next connection left another one behind"
    watched = connection.recording.watched
    if after > watched:
        return f"{seconds(watched)} later it was still there; it ended with the next connection"
    return f"it ended by itself {seconds(after)} later"


RULE = Rule(
    code="WSD301",
    name="orphan-task",
    summary="a task that the connection started is still alive after the handler returned",
    why=(
        "Every client that comes and goes leaves a task behind. It works for nobody, holds what it "
        'uses, and sends to a connection that is gone; when it fails at last, asyncio logs "Task '
        'exception was never retrieved" far from the cause.'
    ),
    silence=(
        "A task that is meant to outlive its connection for a while (a grace time for a reconnect) "
        "ends by itself and is only `info`."
    ),
    remedies={
        "": remedy(
            "End the task where you started it, whichever way the handler ends. Cancel it first, "
            "and then wait for it:",
            CANCEL_THEN_WAIT,
            WHY_WAIT,
            MAY_NOTICE_FIRST,
            EXPECT_THE_END,
        ),
        "litestar": remedy(
            "End the task where you started it, whichever way the handler ends. Cancel it first, "
            "and then wait for it:",
            CANCEL_IN_LIFESPAN,
            WHY_WAIT,
            MAY_NOTICE_FIRST,
            EXPECT_THE_END_LITESTAR,
        ),
    },
    detect=detect,
)

"""WSD301 orphan-task: a task that the connection started outlives it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from wsdoctor.diagnosis.cancellations import cancelled_at
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import OUTLIVED
from wsdoctor.diagnosis.exceptions import ids
from wsdoctor.diagnosis.finding import Severity
from wsdoctor.diagnosis.location import is_users, origin_of, where
from wsdoctor.diagnosis.remedy_context import setting_of
from wsdoctor.diagnosis.rule import ORIGIN, Occurrence, Rule, seconds
from wsdoctor.diagnosis.rules._remedies import (
    MAY_NOTICE_FIRST,
    WHEN_IT_ENDS,
    WHY_WAIT,
    remedy,
    worded,
)
from wsdoctor.diagnosis.rules._snippets import (
    CANCEL_IN_HOOKS,
    CANCEL_IN_LIFESPAN,
    CANCEL_THEN_WAIT,
    EXPECT_THE_END,
)
from wsdoctor.diagnosis.rules._uncancellable import defiant
from wsdoctor.diagnosis.source import read
from wsdoctor.recording.events import (
    CancelRequested,
    StackFrame,
    StacksSampled,
    TaskCreated,
    TasksKeptApart,
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
        apart = _apart(connection, task)
        if end is None and apart is None and not _grows(connection, task, place):
            continue
        reported.add(place)
        found = _occurrence(connection, task, place, returned.time)
        yield found if apart is None else _of_each_other(connection, found, apart)


def _apart(connection: Connection, task: TaskCreated) -> TasksKeptApart | None:
    """The event which says that clients with other names leave such a task each, and the same client none."""
    return next(
        (event for event in connection.all(TasksKeptApart) if task.task in event.tasks), None
    )


def _of_each_other(
    connection: Connection, occurrence: Occurrence, event: TasksKeptApart
) -> Occurrence:
    """``occurrence``, a remark if no line is to cancel the task: it may be meant to serve that name for ever."""
    place = occurrence.place
    line, call = (0, "") if place is None else cancelled_at(connection.recording.sources, place)
    evidence = [
        f"it never ended, and each of {event.count} clients with another value of {event.apart} left one",
        *occurrence.evidence[1:],
    ]
    if place is not None and line:
        would = where(replace(place, line=line))
        evidence.append(f"`{call}` at {would} would cancel it, and did not run")
    return replace(occurrence, severity="error" if line else "info", evidence=tuple(evidence))


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
    users = _is_users(connection, task)
    if not users:
        place = None
    end = connection.ends.get(task.task)
    raised = end.exception if end is not None else None
    unretrieved = raised is not None and any(
        event.exception is not None and event.exception.id == raised.id
        for event in connection.unretrieved
    )
    severity: Severity = "error" if end is None or unretrieved else "info"
    evidence = [_lived(connection, None if end is None else end.time - returned)]
    if stands := _stands(connection, task):
        evidence.append(stands)
    if unretrieved and raised is not None:
        evidence.append(
            f"it ended with {raised.type.rpartition('.')[2]}, which was never retrieved"
        )
    index = next(
        i
        for i, event in enumerate(connection.events)
        if isinstance(event, StacksSampled) and event.reason == "returned"
    )
    return Occurrence(
        code=RULE.code,
        message=f"the task `{task.coroutine.rpartition('.')[2]}` that the connection started at {where(place)} is still "
        f"running after the handler has returned: {_why(connection, task, place)}",
        place=place,
        severity=severity,
        mark="logged" if unretrieved else "masked",
        index=index,
        fault="app" if users else "framework",
        evidence=tuple(evidence),
        explains=ids(raised) | connection.refused_to(task.task),
        setting=setting_of(connection, task.stack),
        task=task.task,
        of_package=task.root is not None and not task.root.user,
    )


def _why(connection: Connection, task: TaskCreated, place: StackFrame | None) -> str:
    if read(connection, place).is_shielded:
        return "`shield` keeps the cancellation of what waits for it away from it"
    asked = [item for item in connection.all(CancelRequested) if item.task == task.task]
    if asked and asked[0].by == "app":
        at = asked[0].stack[-1] if asked[0].stack else None
        return f"it was cancelled at {where(at)}, and takes its time to end" if at else _NO_TIME
    return "nothing cancels it"


_NO_TIME = "it was cancelled, and takes its time to end"


def _stands(connection: Connection, task: TaskCreated) -> str:
    """Where ``task`` was when the grace time after the handler's return had passed."""
    for sample in connection.all(StacksSampled):
        for stack in sample.stacks if sample.reason == "returned" else ():
            frames = [frame for frame in stack.stack if frame.user]
            if stack.task == task.task and frames:
                what = read(connection, frames[-1]).expression
                return f"it is at {where(frames[-1])}" + (f", in `{what}`" if what else "")
    return ""


def _is_users(connection: Connection, task: TaskCreated) -> bool:
    """Whether the user's code started it, or is what it runs."""
    if is_users(connection, task) or (task.root is not None and task.root.user):
        return True
    return any(
        frame.user
        for sample in connection.all(StacksSampled)
        for stack in sample.stacks
        if stack.task == task.task
        for frame in stack.stack
    )


def _lived(connection: Connection, after: float | None) -> str:
    """How it ended, ``after`` seconds."""
    if after is None:
        return "it never ended, and the next connection left another one behind"
    watched = connection.recording.watched
    if after > watched:
        return f"{seconds(watched)} later it was still there; it ended with the next connection"
    return f"it ended by itself {seconds(after)} later"


def _holds_open(cause: Occurrence, symptom: Occurrence) -> bool:
    """Whether the task opened what is left open. A task of a package only serves it."""
    return not cause.of_package and cause.task == symptom.task


RULE = Rule(
    code="WSD301",
    name="orphan-task",
    summary="a task that the connection started is still alive after the handler returned",
    severity="error if it never ends (and each connection leaves another one) or fails unseen; info if it ends by itself",
    effect="lost",
    happens="a task is left behind",
    why=(
        "Every client that comes and goes leaves a task behind. It works for no client, holds what it "
        'uses, and sends to a connection that is gone; when it fails at last, asyncio logs "Task '
        'exception was never retrieved" far from the cause.'
    ),
    silence=(
        "A task that is meant to outlive its connection for a while (a grace time for a reconnect) "
        "ends by itself and is only `info`."
    ),
    remedies={
        **worded(
            "",
            "End the task where you started it, whichever way the handler ends. Cancel it first, "
            "and then wait for it:",
            WHEN_IT_ENDS,
            CANCEL_THEN_WAIT,
            WHY_WAIT,
            MAY_NOTICE_FIRST,
            EXPECT_THE_END,
        ),
        **worded(
            "hooks",
            {
                "": "End the task in the method that is called when the connection ends. Cancel it first, and "
                "then wait for it:",
                "litestar": "End the task in the method that is called when the connection ends. Cancel it first, and "
                "then wait for it. (One instance serves all connections: keep the task in the state of "
                "its socket.)",
            },
            CANCEL_IN_HOOKS,
            WHY_WAIT,
        ),
        "litestar/lifespan": remedy(
            "End the task where you started it, whichever way the handler ends. Cancel it first, "
            "and then wait for it:",
            CANCEL_IN_LIFESPAN,
            WHY_WAIT,
            MAY_NOTICE_FIRST,
            EXPECT_THE_END["litestar"],
        ),
    },
    detect=detect,
    links=(ORIGIN, "https://docs.python.org/3/library/asyncio-task.html#asyncio.create_task"),
    rank=280,
    explains={"WSD308": _holds_open, "WSD309": _holds_open},
    lateness="neither",
    checks={
        "": OUTLIVED,
    },
)

"""WSD303 task-destroyed-pending: "Task was destroyed but it is pending"."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import OUTLIVED
from wsdoctor.diagnosis.location import is_users, origin_of, where
from wsdoctor.diagnosis.logged import Signature
from wsdoctor.diagnosis.remedy_context import setting_of
from wsdoctor.diagnosis.rule import Occurrence, Rule, always, seconds
from wsdoctor.diagnosis.rules._remedies import WHEN_IT_ENDS, WHY_WAIT, remedy, worded
from wsdoctor.diagnosis.rules._snippets import CANCEL_IN_HOOKS, CANCEL_IN_LIFESPAN, CANCEL_THEN_WAIT
from wsdoctor.diagnosis.rules._uncancellable import defiant
from wsdoctor.recording.events import LoopErrorReported, StackFrame, TaskCreated


def detect(connection: Connection) -> Iterator[Occurrence]:
    reported: set[StackFrame | None] = set()
    told_to_end = defiant(connection) if connection.destroyed else {}
    for event in connection.destroyed.values():
        task = connection.tasks[event.task]
        if event.task in told_to_end:
            continue  # WSD502
        if task.parent in connection.destroyed:
            continue  # it was dropped with the one that had started it
        place = origin_of(connection, task)
        if place not in reported:
            reported.add(place)
            yield _occurrence(connection, event, task, place)


def _occurrence(
    connection: Connection, event: LoopErrorReported, task: TaskCreated, place: StackFrame | None
) -> Occurrence:
    evidence = [event.message, f"it was {seconds(event.time - task.time)} old"]
    if connection.returned is not None and connection.returned.time <= event.time:
        evidence.append("the handler had returned, and with it went whatever could still wake it")
    return Occurrence(
        code=RULE.code,
        message=f"the task `{task.coroutine.rpartition('.')[2]}` started at {where(place)} was thrown away in the middle of "
        "its work: nothing holds it, and nothing could wake it any more",
        place=place,
        severity="error",
        mark="logged",
        index=connection.events.index(event),
        fault="app" if is_users(connection, task) else "framework",
        evidence=tuple(evidence),
        setting=setting_of(connection, task.stack),
    )


RULE = Rule(
    code="WSD303",
    name="task-destroyed-pending",
    summary="the garbage collector threw away a task of the connection that had not ended",
    severity="error",
    effect="lost",
    happens="a pending task is destroyed",
    why=(
        "The event loop holds only a weak reference to a task. If a task waits for an object that no other "
        'code holds, it is thrown away sooner or later, at any line: asyncio logs "Task was destroyed '
        'but it is pending", its work is lost, and a `finally` that awaits does not run to its end.'
    ),
    silence="Never: a task that is not needed any more is cancelled.",
    remedies={
        **worded(
            "",
            "Hold the task as long as it works, and end it where you started it. Cancel it first, "
            "and then wait for it:",
            WHEN_IT_ENDS,
            CANCEL_THEN_WAIT,
            WHY_WAIT,
        ),
        **worded(
            "hooks",
            "Hold the task as long as it works, and end it in the method that is called when the "
            "connection ends. Cancel it first, and then wait for it:",
            CANCEL_IN_HOOKS,
            WHY_WAIT,
        ),
        "litestar/lifespan": remedy(
            "Hold the task as long as it works, and end it where you started it. Cancel it first, "
            "and then wait for it:",
            CANCEL_IN_LIFESPAN,
            WHY_WAIT,
        ),
    },
    detect=detect,
    links=("https://docs.python.org/3/library/asyncio-task.html#asyncio.create_task",),
    rank=310,
    explains={"WSD307": always},  # a task that is thrown away releases nothing
    lateness="neither",
    checks={
        "": OUTLIVED,  # until the collector comes
    },
    signatures=(
        Signature(
            order=220,
            example="Task was destroyed but it is pending!",
            pattern=r"Task was destroyed but it is pending",
            means="the garbage collector threw away a task that nothing referred to, before it had ended",
        ),
    ),
)

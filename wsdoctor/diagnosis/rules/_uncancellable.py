"""Tasks that were cancelled, and went on as if they had not been."""

from __future__ import annotations

from dataclasses import dataclass

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.source import read
from wsdoctor.recording.events import CancelRequested, StackFrame, StacksSampled, TaskStack

_CLOCK = 1e-6


@dataclass(frozen=True, slots=True)
class Defiant:
    """A task that was asked to end by ``request``, and stood at ``place`` in ``sample``."""

    request: CancelRequested
    sample: StacksSampled
    place: StackFrame


def defiant(connection: Connection) -> dict[int, Defiant]:
    """Those tasks, by number: more than the grace time after the cancellation they still work.

    One that is in a ``finally`` or an ``except``, or leaves a ``with``, is still about to end; one
    that waits for another of them is held up by that one. A time-out or a task group that has done
    its work takes its cancellation back (``Task.uncancel``).
    """
    found: dict[int, Defiant] = {}
    for sample in connection.all(StacksSampled):
        asked = {
            stack.task: (stack, request)
            for stack in sample.stacks
            if (request := _overdue(connection, sample, stack)) is not None
        }
        for number, (stack, request) in asked.items():
            frames = [frame for frame in stack.stack if frame.user]
            if not frames or any(read(connection, frame).is_tidying for frame in frames):
                continue
            if _is_held_up(connection, stack, asked.keys() - {number}):
                continue
            found.setdefault(number, Defiant(request, sample, frames[-1]))
    return found


def waits_for_defiant(connection: Connection, stack: TaskStack) -> bool:
    """Whether the application cancelled what is stuck in vain, or a task that it waits for."""
    if any(
        number == stack.task and found.request.by == "app"
        for number, found in defiant(connection).items()
    ):
        return True
    others = {
        number
        for number, found in defiant(connection).items()
        if number != stack.task and found.request.by == "app"
    }
    if stack.awaited_task in others:
        return True
    waits = any(not frame.user and frame.function in _WAITS for frame in stack.stack) or (
        bool(stack.stack)
        and read(connection, stack.stack[-1]).expression.startswith(("asyncio.gather(", "gather("))
    )
    return waits and _is_held_up(connection, stack, others)


_WAITS = frozenset({"wait", "_wait", "wait_for", "TaskGroup.__aexit__"})
"""asyncio's own functions in which one waits for tasks."""


def _overdue(
    connection: Connection, sample: StacksSampled, stack: TaskStack
) -> CancelRequested | None:
    """The first of the cancellations that it has not answered, if that was more than the grace ago."""
    asked = stack.asked_to_end
    if asked is None or sample.time - asked < connection.recording.grace - _CLOCK:
        return None
    return next(
        (
            event
            for event in connection.all(CancelRequested)
            if event.task == stack.task
            and event.by != "harness"
            and abs(event.time - asked) <= _CLOCK
        ),
        None,
    )


def _is_held_up(connection: Connection, stack: TaskStack, others: set[int]) -> bool:
    """Whether it waits for one of ``others``, or for what it gathered of those that it started."""
    return stack.awaited_task in others or any(
        other in connection.tasks and connection.tasks[other].parent == stack.task
        for other in others
    )

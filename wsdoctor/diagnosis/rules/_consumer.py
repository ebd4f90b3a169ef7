"""A handler that waits for room in a queue, when the task that would take from it has ended."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.exceptions import leaves, name
from wsdoctor.diagnosis.location import raised_at, where
from wsdoctor.diagnosis.source import read
from wsdoctor.diagnosis.syntax import innermost_function, parse
from wsdoctor.recording.events import StackFrame, StacksSampled, TaskCreated, TaskEnded

_WAITS = frozenset({"put", "join"})
_TAKES = frozenset({"get", "get_nowait"})


@dataclass(frozen=True, slots=True)
class DeadConsumer:
    """The task that took from the queue. ``started`` is the user's line that started it."""

    started: StackFrame
    task: TaskCreated
    ended: TaskEnded

    def __str__(self) -> str:
        short = self.task.coroutine.rpartition(".")[2]
        text = f"the task `{short}` started at {where(self.started)}, which takes from the queue, has ended"
        error = self.ended.exception
        if error is None:
            return text
        return f"{text} with {name(next(leaves(error)))} at {where(raised_at(error))}"


def dead_consumer(
    connection: Connection, place: StackFrame | None, *reasons: str
) -> DeadConsumer | None:
    """The one task that took from the queue in whose ``put`` or ``join`` the handler stands at ``place``.

    None if another one still takes from it. ``reasons`` are those of the samples that show what is alive.
    """
    queue = _receiver(read(connection, place).expression, _WAITS)
    if not queue:
        return None
    alive = {
        stack.task
        for sample in connection.all(StacksSampled)
        if sample.reason in reasons
        for stack in sample.stacks
    }
    takers = [task for task in connection.tasks.values() if queue in _taken_from(connection, task)]
    if any(task.task in alive for task in takers):
        return None
    ends = {event.task: event for event in connection.all(TaskEnded)}
    dead = [
        DeadConsumer(task.stack[-1], task, ends[task.task])
        for task in takers
        if task.stack and task.task in ends and ends[task.task].outcome != "cancelled"
    ]
    return dead[-1] if dead else None


def _receiver(expression: str, methods: frozenset[str]) -> str:
    """``queue`` of ``self.queue.put(item)``, if the method is one of ``methods``."""
    try:
        call = ast.parse(expression, mode="eval").body
    except SyntaxError:
        return ""
    return next(_receivers(call, methods), "")


def _receivers(node: ast.AST, methods: frozenset[str]) -> Iterator[str]:
    for call in ast.walk(node):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr in methods
        ):
            yield ast.unparse(call.func.value).rpartition(".")[2]


def _taken_from(connection: Connection, task: TaskCreated) -> set[str]:
    """The names of what the task's own function calls ``get()`` of."""
    root = task.root
    if root is None or not root.user:
        return set()
    tree = parse(connection.recording.sources.get(root.file, ""))
    function = innermost_function(tree, root.line) if tree else None
    return set(_receivers(function, _TAKES)) if function else set()

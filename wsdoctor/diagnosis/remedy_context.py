"""In what kind of code something happened: a remedy has to fit it."""

from __future__ import annotations

from collections.abc import Iterable

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.exceptions import chain
from wsdoctor.diagnosis.location import where
from wsdoctor.diagnosis.source import is_hook, read
from wsdoctor.recording.events import (
    CancelRequested,
    ExceptionInfo,
    StackFrame,
    StacksSampled,
    TaskCreated,
)

SETTINGS = {
    "": "",
    "lifespan": "in a `connection_lifespan`",
    "hooks": "in the methods of a listener or endpoint class",
    "anyio": "in a task group of anyio",
    "quiet": "in a handler that starts no task",
    "refused": "if it is the OSError of a refused send",
    "quiet-lifespan": "in a `connection_lifespan` that starts no task",
    "gather": "if several tasks are awaited together",
    "several": "if there are several tasks",
    "stream": "if it streams with `send_websocket_stream`",
    "disconnect": "if it is the disconnect that the task ended with",
    "consumer": "in a class that another package calls, such as a consumer of Channels",
    "wait": "if it waits for something else than a task",
    "thread": "if it waits for a thread",
    "service": "if what serves all of them ends with an error of its own",
    "loop": "if it is a loop that never waits",
    "refusal": "if it had refused the client",
    "farewell": "if it runs however the handler ends",
    "task": "if a task of its own sends",
    "cancelled": "if the task had been cancelled",
    "swallowed": "if the task swallows its cancellation",
    "reason": "if it is the reason, and not the code",
    "awaited": "if it awaits a task that it has cancelled",
    "entry": "if it is something of the client that stays, and not its connection",
    "registered": "if a library keeps what it was given",
    "registry": "if the clean-up of one takes another one out",
    "strangers-task": "if the clean-up of one cancels a task of another one",
    "gauge": "if it is a number that counts the clients",
    "pool": "if it was taken from a pool",
    "context": "if a `ContextVar` is reset in another context than that in which it was set",
    "future": "if it is a future of your own",
    "unrouted": "if the application has no route for the path",
    "timer": "if it is a timer of the event loop, or is held by one",
    "finished": "if it is a task that has ended",
    "cache": "if the cache of a function holds it",
    "stuck": "if the start-up does not answer",
    "history": "if it grows with every client, however that leaves",
}
"""What a remedy may be for, as the heading under which ``explain`` prints it."""


def setting_of(connection: Connection, stack: Iterable[StackFrame]) -> str:
    """Where the code of ``stack`` begins: in a ``lifespan``, in ``hooks`` of a class, or neither."""
    own = [frame for frame in stack if frame.user]
    if any(read(connection, frame).is_context_manager for frame in own):
        return "lifespan"
    return "hooks" if any(is_hook(frame) for frame in own) else ""


def started(connection: Connection) -> list[TaskCreated]:
    """The tasks that the user's own code started on the connection, before it returned."""
    return [task for task in connection.tasks.values() if task.stack]


def meanwhile(connection: Connection, *reasons: str) -> list[str]:
    """Where the tasks that the user's code started were, besides the handler, in the first sample.

    As sentences: "meanwhile the task `tick` is at app.py:9, in `asyncio.sleep(3)`".
    """
    told: list[str] = []
    for sample in connection.all(StacksSampled):
        if sample.reason not in reasons:
            continue
        for stack in sample.stacks:
            task = connection.tasks.get(stack.task)
            frames = [frame for frame in stack.stack if frame.user]
            if task is None or not task.stack or not frames:
                continue
            what = read(connection, frames[-1]).expression
            doing = f", in `{what}`" if what else ""
            name = task.coroutine.rpartition(".")[2]
            told.append(f"meanwhile the task `{name}` is at {where(frames[-1])}{doing}")
        break
    return list(dict.fromkeys(told))


def library_of_group(error: ExceptionInfo) -> str:
    """``anyio`` if a task group of anyio's raised the group, otherwise nothing."""
    frames = (frame for link in chain(error) for frame in link.stack)
    return "anyio" if any(_is_anyio(frame) for frame in frames) else ""


def _is_anyio(frame: StackFrame) -> bool:
    return (
        not frame.user
        and "anyio" in frame.file.replace("\\", "/").split("/")
        and frame.function.endswith("TaskGroup.__aexit__")
    )


def cancelled_by_user(connection: Connection) -> list[CancelRequested]:
    """The cancellations of the connection's own tasks that the user's code asked for, in order."""
    return [
        event
        for event in connection.all(CancelRequested)
        if event.by == "app" and event.task in connection.tasks and event.stack
    ]

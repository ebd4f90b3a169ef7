"""What the code of one connection does to the tasks of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.location import path, where
from wsdoctor.recording.events import (
    CancelRequested,
    SendCalled,
    StackFrame,
    TaskCreated,
    TaskEnded,
)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A task of one connection that the code of another cancelled, and that has ended since.

    ``place`` is the user's line that called ``cancel()``, ``index`` the event of that call.
    ``task`` is the task in a sentence: "the task `tick`". ``sent``: it had sent to its own client.
    """

    index: int
    place: StackFrame
    task: str
    sent: bool
    evidence: tuple[str, ...]


def cancelled_by_another(connection: Connection, other: int) -> Cancelled | None:
    """The task of connection ``other`` that ``connection`` cancelled: the first that had sent, or the first."""
    found = [_cancelled(connection, *one) for one in _requests(connection, other)]
    return min(found, key=lambda one: not one.sent, default=None)


def _requests(connection: Connection, other: int) -> Iterator[tuple[int, CancelRequested]]:
    events = connection.events
    for index, event in enumerate(events):
        if (
            isinstance(event, CancelRequested)
            and event.by == "app"
            and event.stack
            and (event.connection, event.caller) == (other, connection.number)
            and any(
                isinstance(later, TaskEnded)
                and later.task == event.task
                and later.outcome != "raised"
                for later in events[index:]
            )
        ):
            yield index, event


def _cancelled(connection: Connection, index: int, event: CancelRequested) -> Cancelled:
    created = next(
        (
            item
            for item in connection.events
            if isinstance(item, TaskCreated) and item.task == event.task
        ),
        None,
    )
    evidence = []
    if created is not None and created.stack:
        evidence.append(f"the other connection had started that task at {where(created.stack[-1])}")
    if way := path(event.stack):
        evidence.append(f"call path: {way}")
    name = created.coroutine.rpartition(".")[2] if created is not None else ""
    return Cancelled(
        index=index,
        place=event.stack[-1],
        task=f"the task `{name}`" if name else "the handler",
        sent=any(
            isinstance(item, SendCalled)
            and (item.task, item.connection) == (event.task, event.connection)
            for item in connection.events[:index]
        ),
        evidence=tuple(evidence),
    )

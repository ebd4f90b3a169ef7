"""What every client leaves open outside, by the line that opened it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.location import origin_of
from wsdoctor.recording.events import LeftResource, ResourcesLeft, StackFrame

_SECOND_VISIT = 2
_LOOKS = 2
"""When the grace time has passed, and when it has been watched."""

_MOST = 16
"""Visits of a session, at most."""


class Left(Struct, frozen=True):
    """Resources that connection 1 left at one line, the likeliest cause first.

    ``place`` is the user's line, ``through`` the innermost frame of each package where there is none.
    ``clients`` have come and gone, and each left one. ``starved``: the next client did not get one.
    ``task`` is the one that outlives the handler and opened it, or started the one that did; or else
    the one that opened it. ``lasted`` are the seconds after which it was closed by itself, if it was.
    """

    event: ResourcesLeft
    place: StackFrame | None
    resources: tuple[LeftResource, ...]
    clients: int
    starved: StackFrame | None = None
    task: int = 0
    lasted: float | None = None

    @property
    def first(self) -> LeftResource:
        return self.resources[0]


def starves(connection: Connection) -> bool:
    """Whether a later client waits in vain for what connection 1 has not given back."""
    looks = connection.all(ResourcesLeft)
    return any(item.starved for look in looks for item in look.resources)


_RANK = ("process", "taken", "socket", "descriptor", "file")
"""Which is the cause if one line leaves several: a pooled connection is why the pool opens a socket."""


def left_by_all(connection: Connection) -> Iterator[Left]:
    """Resources that connection 1 has left, and every later one as well.

    A resource that the first connection opens for all is the application's own, and so is one that the
    next client uses again. A resource that ends by itself is a leak only if no code of the user's ends
    it, and several of them exist at the same time.
    """
    looks = connection.all(ResourcesLeft)
    if len(looks) < _LOOKS:
        return  # it was closed in an instant, or no other client came to compare with
    later: list[set[tuple[str, StackFrame | None]]] = []
    for number in range(_SECOND_VISIT, _MOST):
        visit = Connection(connection.recording, number)
        if visit.returned is not None:
            reports = visit.all(ResourcesLeft)
            later.append(
                {_key(visit, item) for item in reports[-1].resources} if reports else set()
            )
    closed = None if looks[1].resources else looks[1].time
    if closed is not None and (_is_kept_on_purpose(connection, looks[0]) or len(later) < _LOOKS):
        return
    places: dict[StackFrame | None, list[LeftResource]] = {}
    for item in looks[0].resources if closed is not None else looks[-1].resources:
        if item.starved or (later and all(_key(connection, item) in each for each in later)):
            places.setdefault(_place(connection, item), []).append(item)
    for place, items in places.items():
        items.sort(key=lambda item: _RANK.index(item.kind))
        starved = next((item.starved[-1] for item in items if item.starved), None)
        yield Left(
            looks[0],
            place,
            tuple(items),
            len(later) + 1,
            starved,
            _outliving(connection, items[0].task),
            None if closed is None else closed - looks[0].time,
        )


def _is_kept_on_purpose(connection: Connection, look: ResourcesLeft) -> bool:
    """Whether a task or a timer of the user's may be there to close it in the end."""
    return look.timers or any(
        task.root is not None and task.root.user for task in connection.outlived
    )


def _key(connection: Connection, item: LeftResource) -> tuple[str, StackFrame | None]:
    return item.kind, _place(connection, item)


def _place(connection: Connection, item: LeftResource) -> StackFrame | None:
    """The user's line that opened it, or that started the task which did."""
    if item.stack:
        return item.stack[-1]
    if item.task and (task := connection.tasks.get(item.task)) is not None:
        return origin_of(connection, task) if _is_started(connection, item.task) else None
    return None


def _is_started(connection: Connection, number: int) -> bool:
    """Whether the user's code started the task, or one above it."""
    return any(connection.tasks[task].stack for task in _line(connection, number))


def _outliving(connection: Connection, number: int) -> int:
    outlived = {task.task for task in connection.outlived}
    return next((task for task in _line(connection, number) if task in outlived), number)


def _line(connection: Connection, number: int) -> list[int]:
    """The task and those above it, as far as the connection started them."""
    line: list[int] = []
    while number in connection.tasks and number not in line:
        line.append(number)
        number = connection.tasks[number].parent
    return line

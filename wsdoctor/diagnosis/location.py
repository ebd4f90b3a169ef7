"""Which line of the user's code."""

from __future__ import annotations

from collections.abc import Iterable

from wsdoctor.diagnosis.attribution import PLUMBING
from wsdoctor.diagnosis.connection import Connection, frame_root
from wsdoctor.diagnosis.exceptions import chain, is_cancelled, is_disconnect, leaves, user_frames
from wsdoctor.diagnosis.source import read
from wsdoctor.recording.events import (
    AsyncGeneratorStarted,
    ExceptionInfo,
    StackFrame,
    TaskCreated,
)


def place_of(connection: Connection, error: ExceptionInfo) -> StackFrame | None:
    """The user's line at which ``error`` left the handler.

    It is the innermost user frame of the handler's own task. Frames of a task that it awaited lie
    further inside the same traceback: the walk ends where such a task begins. If the traceback has
    no user frame, the exception may have passed through the ``yield`` of a context manager:
    contextlib takes that frame out of the traceback. If several are nested, it is the outermost, which
    the framework entered. None if no code of the user's was involved.
    """
    for link in chain(error):
        own: list[StackFrame] = []
        for frame in link.stack:
            if own and frame_root(frame) in connection.task_roots:
                break
            if frame.user:
                own.append(frame)
        if own:
            return own[-1]
    for place in connection.suspended:
        if read(connection, place).is_context_manager:
            return place
    return None


def given_by(connection: Connection, error: ExceptionInfo) -> StackFrame | None:
    """The user's function behind an error that the framework alone raised on an open connection.

    A framework that works raises nothing there by itself: it was given something that it cannot use
    (a stream that yields what cannot be encoded, a dependency that does not fit). That is the
    asynchronous generator that stands still, or the handler. None where no framework is known, and where
    another package (see ``packages``) was at work.
    """
    if connection.recording.framework == "asgi" or any(map(is_cancelled, leaves(error))):
        return None
    if any(f.package and f.package not in PLUMBING for link in chain(error) for f in link.stack):
        return None
    generators = [
        event.location
        for event in connection.all(AsyncGeneratorStarted)
        if event.location is not None and event.location.user
    ]
    return generators[-1] if generators else connection.recording.handler


def origin_of(connection: Connection, task: TaskCreated) -> StackFrame | None:
    """The user's line that started ``task``, or the nearest task above it that the user started."""
    seen: set[int] = set()
    current: TaskCreated | None = task
    while current is not None and current.task not in seen:
        seen.add(current.task)
        if current.stack:
            return current.stack[-1]
        current = connection.tasks.get(current.parent)
    return connection.recording.handler


def is_users(connection: Connection, task: TaskCreated) -> bool:
    """Whether the user's code started ``task``, or a task above it."""
    seen: set[int] = set()
    current: TaskCreated | None = task
    while current is not None and current.task not in seen:
        if current.stack:
            return True
        seen.add(current.task)
        current = connection.tasks.get(current.parent)
    return False


def handler_frame(connection: Connection, stack: tuple[StackFrame, ...]) -> StackFrame | None:
    """The user's outermost frame of ``stack``, that of the route's handler if it is in it."""
    handler = connection.recording.handler
    own = [frame for frame in stack if frame.user]
    for frame in own:
        if handler is not None and (frame.file, frame.first_line) == (
            handler.file,
            handler.first_line,
        ):
            return frame
    return own[0] if own else handler


def innermost(connection: Connection, stack: tuple[StackFrame, ...]) -> StackFrame | None:
    """The innermost user frame of ``stack``, or the handler's definition."""
    for frame in reversed(stack):
        if frame.user:
            return frame
    return connection.recording.handler


def raised_at(error: ExceptionInfo) -> StackFrame | None:
    """The innermost user frame of the whole traceback: where it was raised, for evidence."""
    frames = user_frames(error)
    return frames[-1] if frames else None


def raised_in(connection: Connection, error: ExceptionInfo) -> StackFrame | None:
    """The user's line that ``error``, or what its group holds, comes from: in whichever task that was.

    That is the one to change if the error itself is the defect, and not that it was let through.
    """
    for leaf in leaves(error):
        if (frames := user_frames(leaf)) and not is_disconnect(leaf):
            return frames[-1]
    return place_of(connection, error)


def awaited_function(connection: Connection, error: ExceptionInfo, place: StackFrame) -> str:
    """The function of the task that ``place`` awaited, and whose end ``error`` was; "" if none."""
    for link in chain(error):
        frames = list(link.stack)
        if place in frames:
            inner = frames[frames.index(place) + 1 :]
            roots = (frame for frame in inner if frame_root(frame) in connection.task_roots)
            return next((frame.function.rpartition(".")[2] for frame in roots if frame.user), "")
    return ""


def where(place: StackFrame | None) -> str:
    """``place`` in a sentence: ``app.py:14``."""
    if place is None:
        return "outside your code"
    return f"{place.file.replace(chr(92), '/').rpartition('/')[2]}:{place.line}"


def subject(connection: Connection, place: StackFrame | None) -> str:
    """The function of ``place`` in a sentence: ``lifespan``; the handler's route without one."""
    return (
        f"`{place.function.rpartition('.')[2]}`"
        if place
        else f"the handler of {connection.recording.case.route}"
    )


def path(stack: Iterable[StackFrame]) -> str:
    """The user's way through ``stack``, outermost first: ``feed (app.py:9) -> read (wire.py:4)``.

    Empty if it is one frame: that is the place itself.
    """
    own = [frame for frame in stack if frame.user]
    if len(own) < 2:  # noqa: PLR2004 - from where to where
        return ""
    return " -> ".join(f"{frame.function.rpartition('.')[2]} ({where(frame)})" for frame in own)

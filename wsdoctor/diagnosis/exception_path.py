"""The way that an exception took from where it was raised to the boundary that it left, as text.

Two applications that an exception left in the same way, called by the same line of the framework and
raised by the same line below their own, differ in nothing that the exception met. The user's own frames
are one ``*``: what they do besides is not in it, for it had no part in what happened.
"""

from __future__ import annotations

from wsdoctor.diagnosis.connection import Connection, frame_root
from wsdoctor.diagnosis.exceptions import chain, is_os_error, leaves
from wsdoctor.recording.events import (
    AppReturned,
    ExceptionInfo,
    LogEmitted,
    SendCalled,
    StackFrame,
)

_USER = "*"


def way_of(connection: Connection, index: int) -> str:
    """The way of the exception that the event at ``index`` shows; empty if the user's code had a part.

    That is where it was raised by the user's code, came out of a task or generator that the user's
    code started, was awaited or thrown in there, or where the event shows no exception at all.
    """
    if index >= len(connection.events):
        return ""  # after the end of the observation
    event = connection.events[index]
    if isinstance(event, SendCalled):
        if event.handling is None or event.sender == "user":
            return ""
        return _ways(connection, event.handling)
    if isinstance(event, AppReturned | LogEmitted) and event.exception is not None:
        return _ways(connection, event.exception)
    return ""


def _ways(connection: Connection, error: ExceptionInfo) -> str:
    if not error.members:
        return _way(connection, error)
    own = _way(connection, error)
    inside = [_way(connection, leaf) for leaf in leaves(error)]
    if not own or not all(inside):
        return ""
    return f"{own} [{', '.join(sorted({*inside}))}]"


def _way(connection: Connection, error: ExceptionInfo) -> str:
    frames = error.stack
    if not frames or frames[-1].user or _is_passed_on(connection, frames):
        return ""
    last = max((at for at, frame in enumerate(frames) if frame.user), default=None)
    if last is None:
        passed = [_line(frame) for frame in frames if not _is_server(frame)]
    else:
        first = last
        while first and frames[first - 1].user:
            first -= 1
        above = [_line(frame) for frame in frames[max(0, first - 1) : first]]
        below = [_line(frame) for frame in frames[last + 1 :] if not _is_server(frame)]
        passed = [*above, _USER, *below]
    return " < ".join((*passed, _what(connection, error)))


def _what(connection: Connection, error: ExceptionInfo) -> str:
    """What was raised. The classes by which servers refuse a send, and what led to it there, vary."""
    refused = any(is_os_error(link) and link.id in connection.refusals for link in chain(error))
    if not refused:
        return error.type
    return "refused send" if error.id in connection.refusals else f"{error.type} of a refused send"


def _is_passed_on(connection: Connection, frames: tuple[StackFrame, ...]) -> bool:
    """Whether one of the connection's own tasks, that the user's code runs, is in the traceback."""
    roots = {
        frame_root(task.root)
        for task in connection.tasks.values()
        if task.root is not None and (task.root.user or task.stack)
    }
    return any(frame_root(frame) in roots for frame in frames)


def _is_server(frame: StackFrame) -> bool:
    """How each server refuses is told by what it raises: its own lines are not compared."""
    return frame.package in {"uvicorn", "websockets", "wsproto"}


def _line(frame: StackFrame) -> str:
    return f"{frame.function}:{frame.line}"

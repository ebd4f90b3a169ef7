"""The path of an exception from its origin to the boundary that it left, as text.

If an exception has the same path in two applications, the same line of the framework called them, and
the same line below their own raised it. The user's own frames are one ``*``: the rest of their code had
no part in it.
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
    """The path of the exception that the event at ``index`` shows; empty if the user's code had a part.

    The user's code had a part if it raised the exception, started the task or generator that raised it,
    awaited it or threw it in. The path is also empty if the event shows no exception.
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
    """The exception as text, without the parts that vary between servers that refuse a send."""
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
    """Whether the frame is a server's, whose lines are not compared: its exception shows how it refuses."""
    return frame.package in {"uvicorn", "websockets", "wsproto"}


def _line(frame: StackFrame) -> str:
    return f"{frame.function}:{frame.line}"

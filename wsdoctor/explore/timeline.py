"""The story of one case, as rows in three lanes: client, app, log."""

from __future__ import annotations

from wsdoctor.diagnosis.exceptions import name
from wsdoctor.recording.events import (
    AnyEvent,
    AppCalled,
    AppReturned,
    CancelRequested,
    ClientActed,
    ClientEnded,
    ExceptionInfo,
    FrameReceived,
    FrameSent,
    HandshakeRefused,
    HttpExchanged,
    LogEmitted,
    LoopErrorReported,
    ObservationEnded,
    ReceiveReturned,
    SendCalled,
    SendReturned,
    ServerPhase,
    Stack,
    StacksSampled,
    TaskCreated,
    TaskEnded,
    TransportLost,
    UnseenErrorReported,
    WorkerLost,
)
from wsdoctor.recording.recording import Recording
from wsdoctor.report.model import Timeline

_LONGEST = 40
"""Rows; a longer story is cut in its middle, where the messages repeat themselves."""

_WIDEST = 90
"""Characters of one row."""

Row = tuple[float, str, str, bool]


def timeline(recording: Recording, faulty: tuple[int, ...]) -> Timeline:
    """The rows of ``recording``; the events at ``faulty`` are marked."""
    rows: list[Row] = []
    tasks = {event.task: event for event in recording.events if isinstance(event, TaskCreated)}
    for index, event in enumerate(recording.events):
        if isinstance(event, ObservationEnded) and index > max(faulty, default=0):
            break
        told = _tell(event, tasks)
        if told is not None:
            lane, text = told
            rows.append((round(event.time, 3), lane, text, index in faulty))
    return Timeline(case=recording.case.id, rows=tuple(_cut(rows)))


def _cut(rows: list[Row]) -> list[Row]:
    if len(rows) <= _LONGEST:
        return rows
    half = _LONGEST // 2
    head, middle, tail = rows[:half], rows[half:-half], rows[-half:]
    kept = [row for row in middle if row[3]]
    left_out = len(middle) - len(kept)
    gap = (middle[0][0], "app", f"… {left_out} more rows …", False)
    return [*head, gap, *kept, *tail]


def _tell(event: AnyEvent, tasks: dict[int, TaskCreated]) -> tuple[str, str] | None:
    """The lane and the text of one event, None for what is not worth a row."""
    for lane, tell in (("client", _client), ("log", _log)):
        if text := tell(event):
            return lane, _shortened(text)
    text = _app(event) or _task(event, tasks)
    return ("app", _shortened(text)) if text else None


def _client(event: AnyEvent) -> str:
    match event:
        case ClientActed(act="connect"):
            text = "opens the connection"
        case ClientActed(act=act, detail=detail) if act != "close":  # the frame is told
            text = f"{act}: {detail}" if detail else act
        case FrameSent(opcode="close", code=code):
            text = f"sends close {code}"
        case FrameSent(opcode=opcode, size=size):
            text = f"sends {opcode}, {size} bytes"
        case FrameReceived(opcode="close", code=code):
            text = f"receives close {code}"
        case FrameReceived(opcode=opcode, size=size):
            text = f"receives {opcode}, {size} bytes"
        case HandshakeRefused(status=status):
            text = f"is refused: {status or 'no answer'}"
        case HttpExchanged(method=method, path=path, status=status):
            text = f"{method} {path}: {status or 'no answer'}"
        case ClientEnded(code=code):
            text = f"connection over ({code})"
        case _:
            text = ""
    return text


def _app(event: AnyEvent) -> str:
    match event:
        case AppCalled(path=path):
            text = f"called for {path}"
        case AppReturned(exception=None):
            text = "returned"
        case AppReturned(exception=ExceptionInfo() as error):
            text = f"raised {name(error)}"
        case ReceiveReturned(message="websocket.disconnect", code=code):
            text = f"receives websocket.disconnect {code}"
        case ReceiveReturned(message=message) if message:
            text = f"receives {message}"
        case SendCalled(message=message, code=code, stack=stack, sender=sender):
            by = "by the framework" if sender == "framework" else _at(stack)
            text = " ".join(part for part in (f"sends {message}", str(code or ""), by) if part)
        case SendReturned(exception=ExceptionInfo() as error):
            text = f"send() raised {name(error)}"
        case StacksSampled(reason=reason, stacks=stacks):
            text = f"{_SAMPLED[reason]}, still running: {len(stacks)} task{'s' if len(stacks) != 1 else ''}"
        case _:
            text = ""
    return text


_SAMPLED = {
    "teardown": "the grace time is over",
    "returned": "the handler has returned",
    "hang": "the watch is over",
    "shutdown": "the server does not stop",
    "starved": "the other client has got nothing for a while",
}


def _task(event: AnyEvent, tasks: dict[int, TaskCreated]) -> str:
    match event:
        case TaskCreated(coroutine=coroutine, stack=stack):
            return f"starts task {_short(coroutine)} {_at(stack)}".rstrip()
        case TaskEnded(task=task, outcome=outcome, exception=error) if task in tasks:
            return (
                f"task {_short(tasks[task].coroutine)} ended: {name(error) if error else outcome}"
            )
        case CancelRequested(task=task, by=by) if by != "harness":
            whose = f"task {_short(tasks[task].coroutine)}" if task in tasks else "the handler"
            return f"{'the server cancels' if by == 'server' else 'cancels'} {whose}"
    return ""


_UNSEEN = {"thread": "thread {} ended with", "unraisable": "nobody could raise"}


def _log(event: AnyEvent) -> str:
    match event:
        case LogEmitted(logger=logger, level=level, message=message, exception=error):
            first = message.strip().splitlines()[0] if message.strip() else ""
            text = f"{level} {logger}: {first}" + (f" ({_type(error)})" if error else "")
        case LoopErrorReported(message=message, exception=error):
            text = f"event loop: {message}" + (f" ({_type(error)})" if error else "")
        case UnseenErrorReported(where=where, message=thread, exception=ExceptionInfo() as error):
            text = f"{_UNSEEN[where].format(thread)} {name(error)}"
        case ServerPhase(phase="exit-requested"):
            text = "the server is asked to stop"
        case ServerPhase(phase="failed", exception=ExceptionInfo() as error):
            text = f"the server raised {name(error)}"
        case ServerPhase(phase="startup-failed"):
            text = "the application did not start"
        case TransportLost():
            text = "the server's transport is gone"
        case WorkerLost(returncode=None):
            text = "the process did not answer and was ended"
        case WorkerLost(returncode=code):
            text = f"the process exited with {code}"
        case _:
            text = ""
    return text


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _at(stack: Stack) -> str:
    if not stack:
        return ""
    return f"({stack[-1].file.replace(chr(92), '/').rpartition('/')[2]}:{stack[-1].line})"


def _short(qualname: str) -> str:
    return qualname.rpartition(".")[2]


def _type(error: ExceptionInfo) -> str:
    return error.type.rpartition(".")[2]

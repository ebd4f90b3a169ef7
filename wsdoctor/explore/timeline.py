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
    LogEmitted,
    LoopErrorReported,
    ObservationEnded,
    ReceiveReturned,
    SendCalled,
    SendReturned,
    ServerPhase,
    StacksSampled,
    StackFrame,
    TaskCreated,
    TaskEnded,
    TransportLost,
    WorkerLost,
)
from wsdoctor.recording.recording import Recording
from wsdoctor.report.model import Timeline

_LONGEST = 40
"""Rows; a longer story is cut in its middle, where the messages repeat themselves."""

Row = tuple[float, str, str, bool]


def timeline(recording: Recording, faulty: tuple[int, ...]) -> Timeline:
    """The rows of ``recording``; the events at ``faulty`` are marked."""
    rows: list[Row] = []
    tasks = {event.task: event for event in recording.events if isinstance(event, TaskCreated)}
    for index, event in enumerate(recording.events):
        if isinstance(event, ObservationEnded):
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
    return _client(event) or _app(event, tasks) or _log(event)


def _client(event: AnyEvent) -> tuple[str, str] | None:
    match event:
        case ClientActed(act="connect"):
            return "client", "opens the connection"
        case ClientActed(act="close"):
            return None  # the frame is told
        case ClientActed(act=act, detail=detail):
            return "client", f"{act}: {detail}" if detail else act
        case FrameSent(opcode="close", code=code):
            return "client", f"sends close {code}"
        case FrameSent(opcode=opcode, size=size):
            return "client", f"sends {opcode}, {size} bytes"
        case FrameReceived(opcode="close", code=code):
            return "client", f"receives close {code}"
        case FrameReceived(opcode=opcode, size=size):
            return "client", f"receives {opcode}, {size} bytes"
        case HandshakeRefused(status=status):
            return "client", f"is refused: {status or 'no answer'}"
        case ClientEnded(code=code):
            return "client", f"connection over ({code})"
    return None


def _app(event: AnyEvent, tasks: dict[int, TaskCreated]) -> tuple[str, str] | None:
    match event:
        case AppCalled(path=path):
            return "app", f"called for {path}"
        case AppReturned(exception=None):
            return "app", "returned"
        case AppReturned(exception=ExceptionInfo() as error):
            return "app", f"raised {name(error)}"
        case ReceiveReturned(message="websocket.disconnect", code=code):
            return "app", f"receives websocket.disconnect {code}"
        case ReceiveReturned(message=message) if message:
            return "app", f"receives {message}"
        case SendCalled(message=message, code=code, stack=stack, sender=sender):
            by = _at(stack[-1]) if stack and sender == "user" else "by the framework" if sender == "framework" else ""
            return "app", " ".join(part for part in (f"sends {message}", str(code or ""), by) if part)
        case SendReturned(exception=ExceptionInfo() as error):
            return "app", f"send() raised {name(error)}"
        case TaskCreated(coroutine=coroutine, stack=stack):
            return "app", f"starts task {_short(coroutine)}" + (f" {_at(stack[-1])}" if stack else "")
        case TaskEnded(task=task, outcome=outcome, exception=error) if task in tasks:
            how = name(error) if error else outcome
            return "app", f"task {_short(tasks[task].coroutine)} ended: {how}"
        case CancelRequested(task=task, by=by) if by != "harness":
            whose = f"task {_short(tasks[task].coroutine)}" if task in tasks else "the handler"
            return "app", f"{'the server cancels' if by == 'server' else 'cancels'} {whose}"
        case StacksSampled(reason=reason, stacks=stacks):
            return "app", _sampled(reason, stacks)
    return None


def _log(event: AnyEvent) -> tuple[str, str] | None:
    match event:
        case LogEmitted(logger=logger, level=level, message=message, exception=error):
            first = message.strip().splitlines()[0] if message.strip() else ""
            return "log", f"{level} {logger}: {first}" + (f" ({name(error)})" if error else "")
        case LoopErrorReported(message=message, exception=error):
            return "log", f"event loop: {message}" + (f" ({name(error)})" if error else "")
        case ServerPhase(phase="exit-requested"):
            return "log", "the server is asked to stop"
        case ServerPhase(phase="failed", exception=ExceptionInfo() as error):
            return "log", f"the server raised {name(error)}"
        case ServerPhase(phase="startup-failed"):
            return "log", "the application did not start"
        case TransportLost():
            return "log", "the server's transport is gone"
        case WorkerLost(returncode=None):
            return "log", "the process did not answer and was ended"
        case WorkerLost(returncode=code):
            return "log", f"the process exited with {code}"
    return None


def _sampled(reason: str, stacks: tuple[object, ...]) -> str:
    count = len(stacks)
    tasks = f"{count} task{'s' if count != 1 else ''}"
    return {
        "teardown": f"the grace time is over, still running: {tasks}",
        "returned": f"the handler has returned, still running: {tasks}",
        "hang": f"still running at the end of the watch: {tasks}",
        "shutdown": f"the server does not stop, still running: {tasks}",
    }[reason]


def _at(frame: StackFrame) -> str:
    return f"({frame.file.replace(chr(92), '/').rpartition('/')[2]}:{frame.line})"


def _short(qualname: str) -> str:
    return qualname.rpartition(".")[2]

"""The story of one case, as rows in three lanes for a text, and in five for a picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from wsdoctor.diagnosis.exceptions import name
from wsdoctor.recording.events import (
    AnyEvent,
    AppCalled,
    AppReturned,
    CancelRequested,
    ClientActed,
    ClientEnded,
    ContainerShrank,
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
from wsdoctor.report.evidence.lifelines import lifelines
from wsdoctor.report.model import Moment, Timeline

_LONGEST = 40
"""Rows; a longer story is cut in its middle, where the messages repeat themselves."""

_MOST_MOMENTS = 120
"""The same where there are five lanes, to be zoomed."""

_WIDEST = 90
"""Characters of one row."""

Row = tuple[float, str, str, bool]
Lane = Literal["client", "wire", "server", "app", "log"]
_Told = tuple[int, Moment]
"""The index of an event in its Recording, and the line that describes it."""

_IN_THREE_LANES = {
    "client": "client",
    "wire": "client",
    "server": "log",
    "app": "app",
    "log": "log",
}


def timeline(recording: Recording, faulty: tuple[int, ...]) -> Timeline:
    """The story of ``recording``; the events at ``faulty`` are marked."""
    told: list[_Told] = []
    tasks = {event.task: event for event in recording.events if isinstance(event, TaskCreated)}
    for index, event in enumerate(recording.events):
        if isinstance(event, ObservationEnded) and index > max(faulty, default=0):
            break
        if (of := _tell(event, tasks)) is not None:
            lane, text = of
            told.append(
                (index, Moment(round(event.time, 6), lane, _shortened(text), index in faulty))
            )
    kept = _cut(told, _MOST_MOMENTS)
    return Timeline(
        case=recording.case.id,
        rows=tuple(_row(moment) for _, moment in _cut(told, _LONGEST)),
        moments=tuple(moment for _, moment in kept),
        lives=lifelines(recording, [index for index, _ in kept]),
    )


def _row(moment: Moment) -> Row:
    lane = _IN_THREE_LANES[moment.lane]
    return (round(moment.time, 3), lane, moment.text, moment.faulty)


def _cut(told: list[_Told], longest: int) -> list[_Told]:
    if len(told) <= longest:
        return told
    half = longest // 2
    head, middle, tail = told[:half], told[half:-half], told[-half:]
    kept = [item for item in middle if item[1].faulty]
    left_out = len(middle) - len(kept)
    index, first = middle[0]
    gap = Moment(first.time, "app", f"… {left_out} more rows …", left_out=left_out)
    return [*head, (index, gap), *kept, *tail]


def _tell(event: AnyEvent, tasks: dict[int, TaskCreated]) -> tuple[Lane, str] | None:
    """The lane and the text of one event, None for what is not worth a row."""
    lanes: tuple[tuple[Lane, Callable[[AnyEvent], str]], ...] = (
        ("client", _client),
        ("wire", _wire),
        ("server", _server),
        ("log", _log),
    )
    for lane, tell in lanes:
        if text := tell(event):
            return lane, text
    text = _app(event) or _task(event, tasks)
    return ("app", text) if text else None


def _client(event: AnyEvent) -> str:
    match event:
        case ClientActed(act="connect"):
            text = "opens the connection"
        case ClientActed(act=act, detail=detail) if act != "close":  # the frame has a line
            text = f"{act}: {detail}" if detail else act
        case HandshakeRefused(status=status):
            text = f"is refused: {status or 'no answer'}"
        case ClientEnded(code=code):
            text = f"connection over ({code})"
        case _:
            text = ""
    return text


def _wire(event: AnyEvent) -> str:
    match event:
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
            given = "" if code is None else str(code)
            text = " ".join(part for part in (f"sends {message}", given, by) if part)
        case SendReturned(exception=ExceptionInfo() as error):
            text = f"send() raised {name(error)}"
        case StacksSampled(reason=reason, stacks=stacks):
            text = f"{_SAMPLED[reason]}, still running: {len(stacks)} task{'s' if len(stacks) != 1 else ''}"
        case ContainerShrank(holder=holder, stack=stack):
            text = f"takes something out of {holder.name} {_at(stack)}".rstrip()
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


_UNSEEN = {"thread": "thread {} ended with", "unraisable": "no caller could receive"}


def _log(event: AnyEvent) -> str:
    match event:
        case LogEmitted(logger=logger, level=level, message=message, exception=error):
            first = message.strip().splitlines()[0] if message.strip() else ""
            text = f"{level} {logger}: {first}" + (f" ({_type(error)})" if error else "")
        case LoopErrorReported(message=message, exception=error):
            text = f"event loop: {message}" + (f" ({_type(error)})" if error else "")
        case UnseenErrorReported(where=where, message=thread, exception=ExceptionInfo() as error):
            text = f"{_UNSEEN[where].format(thread)} {name(error)}"
        case _:
            text = ""
    return text


def _server(event: AnyEvent) -> str:
    match event:
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

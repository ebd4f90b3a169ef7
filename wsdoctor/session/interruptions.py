"""Where a CancelledError met a task, and which functions it ended there."""

from __future__ import annotations

import asyncio
import weakref
from contextvars import Context
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal

from wsdoctor.recording.events import CancelArrived, StackFrame
from wsdoctor.session.recorder import Recorder
from wsdoctor.session.stacks import Suspended, is_suspended, suspended

Canceller = Literal["app", "server", "harness"]


@dataclass(frozen=True, slots=True)
class _Met:
    """A suspended function of the user's: its frame, and the line at which it waited."""

    runs: weakref.ref[Suspended]
    frame: FrameType
    place: StackFrame

    @property
    def waits(self) -> bool:
        return not self.has_ended and self.frame.f_lineno == self.place.line

    @property
    def left(self) -> int:
        """The line at which the function was left, 0 if it was not.

        What an ``except*`` lets pass is raised again by an instruction without a line (``f_lineno`` is
        None): then it came from where the function waited.
        """
        if not self.has_ended:
            return 0
        line: int | None = self.frame.f_lineno
        return self.place.line if line is None else line

    @property
    def has_ended(self) -> bool:
        runs = self.runs()
        return runs is None or not is_suspended(runs)


@dataclass(frozen=True, slots=True)
class _Cancel:
    """One that has been asked for and not been seen to arrive."""

    by: Canceller
    awaited: int
    met: tuple[_Met, ...]


class InterruptionObserver:
    """Looks at the user's functions that a task is suspended in when it is cancelled, and once more afterwards.

    A frame that has ended still tells the last line that it ran. Frames keep what their variables
    hold alive, so they are let go as soon as the cancellation has arrived, or the task has ended.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._pending: dict[int, _Cancel] = {}
        self._cancelled: set[int] = set()

    def cancelled(self, task: asyncio.Task[Any], by: Canceller, awaited: int = 0) -> None:
        """``task`` is about to be cancelled, or what it ``awaited`` (a task) was."""
        if by == "harness" or _is_running(task):
            return
        if awaited and _number(task) in self._pending:
            return  # it was cancelled itself, and handed that on
        met = tuple(self._met(task))
        if any(_may_tidy(item.frame) for item in met):
            self._pending[_number(task)] = _Cancel(by, awaited, met)

    def look_after(self, task: asyncio.Task[Any]) -> None:
        """Look again when ``task``, which has been cancelled, has woken: it does so in the next iteration."""
        if _number(task) in self._pending:
            # Its context is empty: neither the application nor the server caused this.
            task.get_loop().call_soon(self._look, task, context=Context())

    def ended(self, task: asyncio.Task[Any]) -> None:
        """``task`` has ended: nothing will arrive any more."""
        if _number(task) in self._pending:
            self._arrived(task)

    def _look(self, task: asyncio.Task[Any]) -> None:
        pending = self._pending.get(_number(task))
        if pending is None:
            return
        if not pending.met[-1].waits:
            self._arrived(task)

    def _arrived(self, task: asyncio.Task[Any]) -> None:
        cancel = self._pending.pop(_number(task))
        again = _number(task) in self._cancelled
        self._cancelled.add(_number(task))
        left = tuple(item.left for item in cancel.met)
        if not any(left):
            return
        recorder = self._recorder
        recorder.add(
            CancelArrived(
                **recorder.here(),
                connection=getattr(task, "wsdoctor_connection", 0),
                task=_number(task),
                by=cancel.by,
                again=again,
                awaited=cancel.awaited,
                stack=tuple(item.place for item in cancel.met),
                left=left,
            )
        )

    def _met(self, task: asyncio.Task[Any]) -> list[_Met]:
        recorder = self._recorder
        found = []
        for runs, frame in suspended(task):
            place = recorder.frame(frame.f_code, frame.f_lineno, frame.f_globals)
            if place.user:
                found.append(_Met(weakref.ref(runs), frame, place))
        return found


def _number(task: asyncio.Task[Any]) -> int:
    return getattr(task, "wsdoctor_number", 0)


def _is_running(task: asyncio.Task[Any]) -> bool:
    try:
        return asyncio.current_task() is task
    except RuntimeError:
        return True  # the loop is not running: the session takes itself down


def _may_tidy(frame: FrameType) -> bool:
    """Whether the function has a ``try`` or ``with``, or ends one: nothing else is a clean-up."""
    code = frame.f_code
    return bool(code.co_exceptiontable) or code.co_name == "__aexit__"

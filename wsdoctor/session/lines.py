"""The lines of the user's coroutines that a session runs (``sys.settrace``)."""

from __future__ import annotations

import sys
from types import CodeType, FrameType
from typing import Any, Self

from wsdoctor.recording.events import StackFrame
from wsdoctor.recording.recording import Ran
from wsdoctor.session.recorder import CONNECTION, Recorder

_AWAITS = 0x80 | 0x200
"""Flags of the code of coroutines and async generators (``inspect.CO_COROUTINE``, …)."""


_MOST = 300_000
"""Calls and lines of one session that are looked at: some tenths of a second. A session has a tenth of it."""


class LineObserver:
    """Notes the lines that run for connection 1; use as a context manager around a session.

    It costs more than the session itself, so few sessions are observed. Where a debugger or a
    measurement of coverage traces already, or there is too much of it, nothing is noted.
    """

    def __init__(self, recorder: Recorder, handler: StackFrame | None) -> None:
        self._recorder = recorder
        self._handler = None if handler is None else (handler.file, handler.function)
        # By id(), for a code object's hash is that of all that it consists of.
        self._lines: dict[int, tuple[CodeType, set[int]]] = {}
        self._around: set[int] = set()
        self._traces = False
        self._left = _MOST

    def __enter__(self) -> Self:
        if sys.gettrace() is None:
            self._traces = True
            sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        if self._traces:
            sys.settrace(None)

    def ran(self) -> tuple[Ran, ...] | None:
        """The functions that ran, without the middleware that called the handler; None if not observed."""
        if not self._traces or self._left < 0:
            return None
        return tuple(
            Ran(
                function=self._recorder.frame(code, code.co_firstlineno),
                lines=tuple(sorted(lines)),
            )
            for code, lines in self._lines.values()
            if id(code) not in self._around
        )

    def _called(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            sys.settrace(None)
            return None
        code = frame.f_code
        if not code.co_flags & _AWAITS or CONNECTION.get() != 1:
            return None
        known = self._lines.get(id(code))
        if known is None:
            if not self._recorder.user_code.is_user(code.co_filename):
                return None
            known = self._lines[id(code)] = (code, set())
            if (code.co_filename, code.co_qualname) == self._handler:
                self._note_callers(frame)
        lines = known[1]

        def ran(frame: FrameType, event: str, _arg: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                return None
            if event == "line":
                lines.add(frame.f_lineno)
            return ran

        return ran

    def _note_callers(self, frame: FrameType) -> None:
        caller = frame.f_back
        while caller is not None:
            if id(caller.f_code) in self._lines:
                self._around.add(id(caller.f_code))
            caller = caller.f_back

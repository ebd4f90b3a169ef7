"""With which line of the user's a library's container grows, while one connection's code runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from wsdoctor.diagnosis.registrations import registration
from wsdoctor.recording.events import Holder, Registered, Stack
from wsdoctor.session.recorder import CONNECTION, Recorder
from wsdoctor.session.stacks import is_below

_MOST = 1000
"""Lines after which it looks no more."""


class AdditionObserver:
    """Notes the lines of connection ``number``, and of those after it, with which ``sizes`` grow.

    It looks after each line of the user's, as ``RemovalObserver`` does, and meanwhile nothing else of the
    session's does. Where a debugger or a measurement of coverage traces already, nothing is noted.
    """

    def __init__(
        self, recorder: Recorder, number: int, sizes: Callable[[], dict[Holder, int]]
    ) -> None:
        self._recorder = recorder
        self._number = number
        self._sizes = sizes
        self._left = _MOST
        self._here = False
        self._other: Any = None
        self._frame: FrameType | None = None
        self._stack: Stack = ()
        self._before: dict[Holder, int] = {}
        self._puts: dict[Holder, Stack] = {}
        self._ran_lines: set[tuple[str, int]] = set()

    def begin(self) -> None:
        """Look after each line from now on."""
        other = sys.gettrace()
        if other is None or _is_sessions(other):
            self._here, self._other = True, other
            sys.settrace(self._called)

    def end(self) -> None:
        """Look no more."""
        if self._here:
            sys.settrace(self._other)
        self._here, self._other = False, None
        self._frame, self._stack = None, ()

    def registered(
        self, name: Holder, classes: tuple[type, ...], sources: Mapping[str, str]
    ) -> Registered | None:
        """The line with which ``name`` grew; ``classes`` have the methods by which a library undoes that."""
        stack = self._puts.get(name)
        if not stack:
            return None
        methods = frozenset(method for cls in classes for method in dir(cls))
        return registration(sources, stack, methods, self._ran_lines)

    def _called(self, frame: FrameType, _event: str, _arg: object) -> Any:
        if not self._here or not self._left or CONNECTION.get() < self._number:
            return None
        if not self._recorder.user_code.is_user(frame.f_code.co_filename):
            return None
        if self._frame is not None and is_below(frame, self._frame):
            self._look()
        else:
            # It goes on after a pause: what others have done meanwhile is not its deed.
            self._before = self._sizes()
        self._at(frame)
        return self._ran

    def _ran(self, frame: FrameType, event: str, _arg: object) -> Any:
        if event == "line":
            self._look()
            self._at(frame)
        elif event == "return":
            self._look()
            self._at(frame.f_back)
        return self._ran

    def _at(self, frame: FrameType | None) -> None:
        self._frame = frame
        self._stack = stack = self._recorder.users_frames(frame)
        self._ran_lines.update((place.file, place.line) for place in stack[-1:])

    def _look(self) -> None:
        if not self._here or not self._left:
            return
        self._left -= 1
        before, self._before = self._before, self._sizes()
        for name, size in self._before.items():
            if self._stack and size > before.get(name, size):
                self._puts[name] = self._stack


def _is_sessions(trace: object) -> bool:
    """Whether that is the trace function of another observer of the session's."""
    return type(getattr(trace, "__self__", None)).__module__.startswith("wsdoctor.session.")

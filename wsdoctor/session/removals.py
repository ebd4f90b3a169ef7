"""Which line of the user's takes something out of a container, while one connection's code runs.

The line is known only while it runs: so Python's trace function looks at the containers after each line
of the user's, for as long as it is armed. That is short, and only in a case that is about it.
"""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Any

from wsdoctor.recording.events import ContainerShrank, Stack, StackFrame
from wsdoctor.session.containers import ContainerObserver, Sizes
from wsdoctor.session.recorder import CONNECTION, Recorder
from wsdoctor.session.stacks import is_below

_MOST = 400
"""Lines after which it looks no more: a clean-up that takes longer is a loop."""

_TOLD = 40
"""Lines that are remembered."""

_TURN = 0.5
"""Wall seconds for which a thread waits for another one's turn to end; that one may be waiting for this one."""


class _Last(threading.local):
    """The line that ran last in a thread, and what there was after it."""

    depth: int = 0
    """How many calls that are looked at have begun, and neither returned nor been suspended."""
    has_turn: bool = False
    frame: FrameType | None = None
    stack: Stack = ()
    sizes: Sizes = {}  # noqa: RUF012 - replaced, never changed
    things: Sizes = {}  # noqa: RUF012 - as above


class RemovalObserver:
    """Records what the code of ``connection`` takes out of the containers of ``observer``."""

    def __init__(self, recorder: Recorder, observer: ContainerObserver, connection: int) -> None:
        self._recorder = recorder
        self._observer = observer
        self._connection = connection
        self._left = _MOST
        self._last = _Last()
        # Two threads of the user's at once, and it would be chance which one sees what the other did.
        self._turn = threading.Lock()
        self.ends = False
        """Whether the end of the connection can be known: what runs from now on is its clean-up."""
        self._ran_lines: dict[StackFrame, None] = {}
        self._armed = self._in_threads = self._here = False

    def begin(self) -> None:
        """Let the threads that start from now on be looked at, too, once it is armed."""
        if threading.gettrace() is None:
            self._in_threads = True
            threading.settrace(self._called)

    def arm(self) -> None:
        """Look after each line from now on, unless a debugger or a coverage tool does so."""
        self._armed = True
        if sys.gettrace() is None:
            self._here = True
            sys.settrace(self._called)

    def end(self) -> None:
        """Look no more."""
        self._armed = False
        if self._here:
            sys.settrace(None)
        if self._in_threads:
            threading.settrace(None)
        self._here = self._in_threads = False
        self._last = _Last()
        self._turn = threading.Lock()

    def ran(self) -> Stack:
        """The user's lines that ran in the clean-up, in order."""
        return tuple(self._ran_lines)

    def _called(self, frame: FrameType, _event: str, _arg: object) -> Any:
        if not self._armed or not self._left or CONNECTION.get() != self._connection:
            return None
        if not self._recorder.user_code.is_user(frame.f_code.co_filename):
            return None
        last = self._last
        if not last.depth:
            last.has_turn = self._turn.acquire(timeout=_TURN)
        last.depth += 1
        if last.frame is not None and is_below(frame, last.frame):
            self._look()  # the line that calls may have done something before
        else:
            # It goes on after a pause: what others have done meanwhile is not its deed.
            last.sizes, last.things = self._observer.sizes(), self._observer.things()
        self._at(frame)
        return self._ran

    def _ran(self, frame: FrameType, event: str, _arg: object) -> Any:
        if event == "line":
            self._look()
            self._at(frame)
        elif event == "return":
            self._look()
            self._at(frame.f_back)
            self._leave()
        return self._ran

    def _leave(self) -> None:
        last = self._last
        last.depth = max(last.depth - 1, 0)  # end() has forgotten how deep it was
        if not last.depth and last.has_turn:
            last.has_turn = False
            self._turn.release()

    def _at(self, frame: FrameType | None) -> None:
        self._last.frame = frame
        self._last.stack = stack = self._recorder.users_frames(frame)
        if self.ends and stack and len(self._ran_lines) < _TOLD:
            self._ran_lines.setdefault(stack[-1])

    def _look(self) -> None:
        last = self._last
        if not self._armed or not self._left:
            return
        self._left -= 1
        before, things = last.sizes, last.things
        last.sizes = self._observer.sizes()
        if last.sizes == before:
            return
        last.things = self._observer.things()
        recorder = self._recorder
        for name, size in before.items():
            if last.sizes.get(name, 0) >= size:
                continue
            recorder.remember(name.file)
            recorder.add(
                ContainerShrank(
                    **recorder.here(),
                    connection=self._connection,
                    holder=name,
                    held=self._observer.level(name, last.sizes),
                    things=last.things.get(name, 0) < things.get(name, 0),
                    stack=last.stack,
                )
            )

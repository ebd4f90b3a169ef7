"""The recorder: where the observers of one session write their events, in order."""

from __future__ import annotations

import asyncio
import linecache
import re
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import CodeType, FrameType, TracebackType
from typing import Any, Literal, TypedDict

from wsdoctor.private.asyncio import HANDLE_RUN
from wsdoctor.private.threading import arguments
from wsdoctor.recording.events import (
    AnyEvent,
    ExceptionInfo,
    RecordingFull,
    Stack,
    StackFrame,
)
from wsdoctor.session.refused_parts import refused_parts
from wsdoctor.target.usercode import UserCode

CONNECTION: ContextVar[int] = ContextVar("wsdoctor_connection", default=0)
"""The connection on whose behalf the running code runs; inherited by every task it starts."""

NO_ORDER: tuple[Stack, bool] = ((), False)

_ORDER: ContextVar[tuple[Stack, bool]] = ContextVar("wsdoctor_order", default=NO_ORDER)
"""The user's lines of the thread that scheduled the running code (``call_soon_threadsafe``), and whether
that thread was given a received disconnect."""

_FRAME = re.compile(r'^[\s|]*File "(.+)", line (\d+), in (\S+)', re.MULTILINE)

_SHOWN = 1000
"""Number of events that are reported of a session with more than MOST_EVENTS."""

MOST_EVENTS = 50_000
"""Events of one session at most. An application reaches it by thousands of messages without a pause."""

_MARK = "_wsdoctor_number"
_KNEW = "_wsdoctor_knew"
_DEPTH = 8
"""How many links of a chain of exceptions are kept."""


class Here(TypedDict):
    """Seconds since the session began, and the iteration of the loop."""

    time: float
    step: int


class Recorder:
    """Collects the events of one session.

    ``now`` gives the seconds since the session began, ``step`` the iteration of the loop. The
    recorder keeps no reference to exceptions, tasks or frames: they would live on through their
    tracebacks, and "never retrieved" and "destroyed but pending" would not be reported in time.
    """

    def __init__(self, user_code: UserCode) -> None:
        self.user_code = user_code
        self.events: list[AnyEvent] = []
        self.now: Callable[[], float] = lambda: 0.0
        self.step: Callable[[], int] = lambda: 0
        self.full = False
        self.start_up = 0.0
        """Wall seconds that the application took to start."""
        self.ends: list[object] = []
        """The disconnects that were received: each the very message."""
        self._exceptions = 0
        # By id(), for a code object's hash is that of all that it consists of; and so they are kept.
        self._frames: dict[tuple[int, int], StackFrame] = {}
        self._codes: dict[int, CodeType] = {}
        self._files: set[str] = set()

    def here(self) -> Here:
        """When something happens now: what every event begins with."""
        return {"time": self.now(), "step": self.step()}

    def add(self, event: AnyEvent) -> None:
        """Write ``event``, unless there are MOST_EVENTS already."""
        if not self.full:
            self.events.append(event)
            if len(self.events) == MOST_EVENTS:
                self.full = True
                self.events.append(
                    RecordingFull(time=event.time, step=event.step, limit=MOST_EVENTS)
                )

    def beginning(self) -> tuple[AnyEvent, ...]:
        """The events so far; of more than can be judged only the first thousand, and that there are more."""
        if not self.full:
            return tuple(self.events)
        return (*self.events[:_SHOWN], self.events[MOST_EVENTS])

    def forget(self, since: int, keep: frozenset[int]) -> None:
        """Forget the events from number ``since`` on, but those of the connections ``keep``."""
        kept = [item for item in self.events[since:] if getattr(item, "connection", 0) in keep]
        self.events[since:] = kept
        self.full = self.full and len(self.events) > MOST_EVENTS

    def frame(
        self, code: CodeType, line: int, namespace: dict[str, Any] | None = None
    ) -> StackFrame:
        """``code`` at ``line`` as a StackFrame; the same object for the same place.

        ``namespace`` is the one that it runs in, if that is known.
        """
        key = (id(code), line)
        found = self._frames.get(key)
        if found is None:
            self._codes[id(code)] = code
            user = self.user_code.is_user_code(code, namespace)
            if user:
                self._files.add(code.co_filename)
            found = StackFrame(
                file=code.co_filename,
                line=line,
                function=code.co_qualname,
                user=user,
                first_line=code.co_firstlineno,
                package=self.user_code.package_of(code.co_filename),
            )
            self._frames[key] = found
        return found

    def calling_stack(self) -> Stack:
        """The user's frames of the running callback or task, outermost first.

        Without any, those of the thread that had it run.
        """
        # sys._getframe is documented; inspect.stack() is a thousand times slower.
        return self._users(sys._getframe(1)) or self.order()[0]  # noqa: SLF001 - as above

    def users_frames(self, frame: FrameType | None) -> Stack:
        """The user's frames from ``frame`` outwards, outermost first."""
        return self._users(frame)

    def ordered(self) -> None:
        """Remember, in the running context, where this thread is as it has the loop run something."""
        if CONNECTION.get():
            frame = sys._getframe(1)  # noqa: SLF001 - as above
            _ORDER.set((self._users(frame), self._holds_the_end(frame)))

    def order(self) -> tuple[Stack, bool]:
        """Where another thread was that had the running callback, or task, run; nowhere if none had.

        Not from the context of a task: that is its own, and asgiref carries it from call to call.
        """
        try:
            task = asyncio.current_task()
        except RuntimeError:
            return NO_ORDER  # the loop is not running: the session takes itself down
        return _ORDER.get() if task is None else getattr(task, "wsdoctor_order", NO_ORDER)

    def is_told(self) -> bool:
        """Whether the code that led to the running call was given a disconnect that was received."""
        return self._holds_the_end(sys._getframe(1)) or self.order()[1]  # noqa: SLF001 - as above

    def _holds_the_end(self, frame: FrameType | None) -> bool:
        """Whether ``frame``, or one that called it, has it among its variables: a framework's frame.

        Python keeps what it once told of a frame's variables as long as the frame lives (before
        3.13), and so what they hold: the user's frames are not asked.
        """
        while self.ends and frame is not None and frame.f_code is not HANDLE_RUN:
            if not self.user_code.is_user_frame(frame) and any(
                value is end for value in frame.f_locals.values() for end in self.ends
            ):
                return True
            frame = frame.f_back
        return False

    def _users(self, frame: FrameType | None) -> Stack:
        frames: list[StackFrame] = []
        is_user = self.user_code.is_user_frame
        while frame is not None and (code := frame.f_code) is not HANDLE_RUN:
            if is_user(frame):
                frames.append(self.frame(code, frame.f_lineno))
            frame = frame.f_back
        frames.reverse()
        return tuple(frames)

    def calling_packages(self) -> Stack:
        """The innermost frame of each package in the running callback or task, outermost first."""
        found: dict[str, StackFrame] = {}
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - as above
        while frame is not None and frame.f_code is not HANDLE_RUN:
            if package := self.user_code.package_of(frame.f_code.co_filename):
                found.setdefault(package, self.frame(frame.f_code, frame.f_lineno))
            frame = frame.f_back
        return tuple(reversed(found.values()))

    def sending(
        self, message: object, handling: BaseException | None
    ) -> tuple[Stack, Literal["user", "framework"]]:
        """The user's frames of the running ``send(message)``, outermost first, and who sends.

        It is the framework if none of the user's frames lies below the one that caught ``handling``.
        A function of the user's that got the message only hands it on, and middleware that has called
        another application does not speak for it: neither decides that this is sent.
        """
        traceback = None if handling is None else _TRACEBACK(handling)
        catcher = None if traceback is None else traceback.tb_frame
        frames: list[StackFrame] = []
        sender: Literal["user", "framework"] | None = None
        frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - as above; below it is the tap's own
        within = False
        is_user = self.user_code.is_user_frame
        while frame is not None and (code := frame.f_code) is not HANDLE_RUN:
            if not is_user(frame):
                within = within or _is_application(code)
                if frame is catcher:
                    sender = sender or "framework"
            elif not self._hands_on(frame, message):
                frames.append(self.frame(code, frame.f_lineno))
                if not (within and _is_application(code)):
                    sender = sender or "user"
            frame = frame.f_back
        frames.reverse()
        # Without any, another thread may have had it run.
        ordered = () if frames else self.order()[0]
        return tuple(frames) or ordered, sender or ("user" if ordered else "framework")

    def _hands_on(self, frame: FrameType, message: object) -> bool:
        """Whether the user's function that ``frame`` runs was given ``message`` by library code.

        Also if it was by another one that had been given it: middleware around middleware.
        """
        kind = message.get("type") if isinstance(message, Mapping) else None
        while True:
            code, caller = frame.f_code, frame.f_back
            if (
                not code.co_argcount
                or _is_application(code)
                or caller is None
                or caller.f_code is HANDLE_RUN
            ):
                return False
            if not any(
                value is message or (isinstance(value, Mapping) and value.get("type") == kind)
                for value in arguments(frame)
            ):
                return False
            if not self.user_code.is_user_frame(caller):
                return True
            frame = caller

    def exception(self, error: BaseException | None) -> ExceptionInfo | None:
        """``error`` as it is now, with what it came from."""
        return None if error is None else self._exception(error, depth=_DEPTH)

    def _exception(self, error: BaseException, *, depth: int) -> ExceptionInfo:
        below = depth - 1
        cause, context = _CAUSE(error), _CONTEXT(error)
        is_group = issubclass(type(error), BaseExceptionGroup)
        members = _MEMBERS(error) if is_group else ()
        return ExceptionInfo(
            id=self._number(error),
            type=_qualified(type(error)),
            bases=tuple(_qualified(base) for base in type(error).__mro__[:-1]),
            message=_text(error),
            stack=self.traceback(_TRACEBACK(error)),
            cause=self._exception(cause, depth=below) if cause is not None and below else None,
            context=(
                self._exception(context, depth=below)
                if context is not None and context is not cause and below
                else None
            ),
            members=tuple(self._exception(member, depth=below) for member in members)
            if below
            else (),
            refuses=refused_parts(error),
            knew=_KNEW in _DICT(error),
        )

    def traceback(self, traceback: TracebackType | None) -> Stack:
        """The frames of a traceback, outermost first, without wsdoctor's own."""
        frames = []
        while traceback is not None:
            runs = traceback.tb_frame
            frame = self.frame(runs.f_code, traceback.tb_lineno, runs.f_globals)
            if not frame.file.startswith(_OWN):
                frames.append(frame)
            traceback = traceback.tb_next
        return tuple(frames)

    def named(self, file: str, line: int, function: str) -> StackFrame:
        """A frame that is only known from what was written of it."""
        user = self.user_code.is_user(file)
        if user:
            self._files.add(file)
        package = "" if user else self.user_code.package_of(file)
        return StackFrame(file=file, line=line, function=function, user=user, package=package)

    def written_traceback(self, text: str) -> Stack:
        """The frames of the last traceback in ``text``, as Python prints it."""
        _, found, last = text.rpartition("Traceback (most recent call last):")
        if not found:
            return ()
        return tuple(
            self.named(file, int(line), function) for file, line, function in _FRAME.findall(last)
        )

    def _number(self, error: BaseException) -> int:
        """A number that stays with the exception object, without holding it."""
        own = _DICT(error)
        number: int | None = own.get(_MARK)
        if number is None:
            self._exceptions += 1
            number = own[_MARK] = self._exceptions
        return number

    def sources(self) -> dict[str, str]:
        """The text of every user's file that occurs in a frame."""
        return {file: "".join(linecache.getlines(file)) for file in sorted(self._files)}

    def remember(self, file: str) -> None:
        """Keep the text of ``file`` in the recording, too."""
        self._files.add(file)


def note_knew(error: BaseException) -> None:
    """Have ExceptionInfo say that ``error`` came up in code that knew of a refused send."""
    _DICT(error)[_KNEW] = True


def _is_application(code: CodeType) -> bool:
    """Whether ``code`` has the parameters of an ASGI application (ASGI specification, "Applications")."""
    return "scope" in code.co_varnames[: min(2, code.co_argcount)] and code.co_argcount >= 3  # noqa: PLR2004 - scope, receive, send


# What an exception is made of, whatever its class has put in the place of these names.
_CAUSE, _CONTEXT, _TRACEBACK, _DICT = (
    vars(BaseException)[name].__get__
    for name in ("__cause__", "__context__", "__traceback__", "__dict__")
)
_MEMBERS = vars(BaseExceptionGroup)["exceptions"].__get__

_OWN = tuple(__file__.rpartition("session")[0] + package for package in ("session", "sim"))


def _qualified(cls: type) -> str:
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )


def _text(error: BaseException) -> str:
    try:
        return str(error)[:2000]
    except Exception as broken:  # noqa: BLE001 - a user's __str__ may raise anything
        return f"<its text cannot be had: {type(broken).__name__}>"

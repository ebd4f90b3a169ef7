"""The event loop's own complaints, and the life of asynchronous generators, as events."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import weakref
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

from wsdoctor.private.asyncio import callback_context
from wsdoctor.recording.events import (
    AsyncGeneratorEnded,
    AsyncGeneratorFinalized,
    AsyncGeneratorStarted,
    AsyncGeneratorSuspended,
    LoopErrorReported,
    StackFrame,
)
from wsdoctor.session.recorder import CONNECTION, Recorder
from wsdoctor.session.threads import current_connection


def future_made(recorder: Recorder, future: asyncio.Future[Any], caller: FrameType) -> None:
    """Note on ``future`` where the code of a connection made it, if that is a line of the user's."""
    if not recorder.frame(caller.f_code, caller.f_lineno).user:
        return
    if connection := current_connection():
        future.wsdoctor_connection = connection  # type: ignore[attr-defined]  # ours
        future.wsdoctor_made = recorder.users_frames(caller)  # type: ignore[attr-defined]  # …


def exception_handler(
    recorder: Recorder, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
) -> None:
    """Record what asyncio complains of, then do what it does by default: log it."""
    future = context.get("task") or context.get("future")
    recorder.add(
        LoopErrorReported(
            **recorder.here(),
            connection=getattr(future, "wsdoctor_connection", 0)
            or callback_context(context.get("handle")).get(CONNECTION, 0)
            or current_connection(),
            message=str(context.get("message", "")),
            task=getattr(future, "wsdoctor_number", 0),
            exception=recorder.exception(context.get("exception")),
            in_callback="handle" in context,
            made=getattr(future, "wsdoctor_made", ()),
        )
    )
    loop.default_exception_handler(context)


@dataclass(frozen=True, slots=True)
class _Generator:
    number: int
    connection: int
    task: int
    reference: weakref.ref[AsyncGenerator[Any, Any]]


class GeneratorObserver:
    """Numbers the asynchronous generators that connections start (PEP 525)."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._started = 0
        # By id(): one that has ended normally leaves its entry to the next at its address.
        self._generators: dict[int, _Generator] = {}
        # The ends of tasks that stood still at the last message, until the application returns.
        self._frames: dict[int, tuple[_Generator, FrameType]] = {}

    def install(self) -> None:
        """Put our hooks before those of the running loop; they end with its ``run_forever``."""
        first, last = sys.get_asyncgen_hooks()

        def started(generator: Any) -> None:
            if connection := current_connection():
                # The frame that called the hook is the one that iterates: Python has none between.
                self._begin(generator, connection, sys._getframe(1))  # noqa: SLF001 - documented
            if first is not None:
                first(generator)

        def finalized(generator: Any) -> None:
            self._finalize(generator)
            if last is not None:
                last(generator)

        sys.set_asyncgen_hooks(firstiter=started, finalizer=finalized)

    def _begin(self, generator: Any, connection: int, iterating: FrameType) -> None:
        recorder = self._recorder
        self._started += 1
        task = getattr(asyncio.current_task(), "wsdoctor_number", 0)
        line = recorder.frame(iterating.f_code, iterating.f_lineno)
        self._generators[id(generator)] = _Generator(
            self._started,
            connection,
            task,
            weakref.ref(generator),
        )
        recorder.add(
            AsyncGeneratorStarted(
                **recorder.here(),
                connection=connection,
                generator=self._started,
                function=generator.__qualname__,
                location=recorder.frame(generator.ag_code, generator.ag_code.co_firstlineno),
                task=task,
                iterated_at=line if line.user else None,
                entered_at=self._entered_at(iterating),
            )
        )

    def _entered_at(self, iterating: FrameType) -> StackFrame | None:
        """The user's line that enters it by contextlib, as a manager or through an exit stack."""
        frame: FrameType | None = iterating
        while frame is not None and frame.f_code.co_filename == contextlib.__file__:
            frame = frame.f_back
        if frame is None or frame is iterating:
            return None
        line = self._recorder.frame(frame.f_code, frame.f_lineno)
        return line if line.user else None

    def _finalize(self, generator: Any) -> None:
        known = self._generators.get(id(generator))
        if known is None:
            return
        recorder = self._recorder
        recorder.add(
            AsyncGeneratorFinalized(
                **recorder.here(),
                connection=known.connection,
                generator=known.number,
                function=generator.__qualname__,
                location=None
                if generator.ag_frame is None
                else recorder.frame(generator.ag_code, generator.ag_frame.f_lineno),
            )
        )

    def sample(self, connection: int) -> None:
        """Record where the user's generators of ``connection`` are suspended."""
        recorder = self._recorder
        for known, location in self._suspended(connection):
            recorder.add(
                AsyncGeneratorSuspended(
                    **recorder.here(),
                    connection=connection,
                    generator=known.number,
                    task=known.task,
                    location=location,
                )
            )

    def hold(self, connection: int) -> None:
        """Keep an eye on the user's generators of ``connection`` that are suspended now."""
        self._frames = {}
        for known, _ in self._suspended(connection):
            generator: Any = known.reference()
            if generator is not None and generator.ag_frame is not None:
                self._frames[known.number] = (known, generator.ag_frame)

    def returned(self, connection: int) -> None:
        """Record which of those that were held have ended, and at which line."""
        recorder = self._recorder
        for known, frame in self._frames.values():
            generator: Any = known.reference()
            if generator is not None and generator.ag_frame is not None:
                continue
            recorder.add(
                AsyncGeneratorEnded(
                    **recorder.here(),
                    connection=connection,
                    generator=known.number,
                    location=recorder.frame(frame.f_code, frame.f_lineno),
                )
            )
        self.release()

    def release(self) -> None:
        """Hold no frame any more: what its variables hold would stay alive."""
        self._frames.clear()

    def suspended(self, connection: int) -> tuple[StackFrame, ...]:
        """The lines at which the user's generators of ``connection`` are suspended."""
        return tuple(location for _, location in self._suspended(connection))

    def _suspended(self, connection: int) -> Iterator[tuple[_Generator, StackFrame]]:
        for known in list(self._generators.values()):
            generator: Any = known.reference()
            if known.connection != connection or generator is None or generator.ag_frame is None:
                continue
            location = self._recorder.frame(generator.ag_code, generator.ag_frame.f_lineno)
            if location.user:
                yield known, location

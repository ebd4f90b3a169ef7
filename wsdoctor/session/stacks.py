"""Await stacks: where a suspended task is, through coroutines and asynchronous generators."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from types import AsyncGeneratorType, CoroutineType, FrameType, FunctionType, GeneratorType
from typing import Any, TypeAlias, cast

from wsdoctor.private.asyncio import awaited_future
from wsdoctor.recording.events import StackFrame, TaskStack
from wsdoctor.session.recorder import Recorder

_LONGEST = 100
"""A chain of awaits deeper than this is cut."""

Suspended: TypeAlias = (
    "CoroutineType[Any, Any, Any] | AsyncGeneratorType[Any, Any] | GeneratorType[Any, Any, Any]"
)
"""Types of objects with a frame that can be suspended."""


def await_stack(recorder: Recorder, task: asyncio.Task[Any], number: int) -> TaskStack:
    """The stack of a suspended task, outermost frame first, and what it waits for."""
    runs = list(suspended(task))
    frames = [recorder.frame(frame.f_code, frame.f_lineno, frame.f_globals) for _, frame in runs]
    answers = (_answering(recorder, coroutine) for coroutine, _ in runs)
    waiter = awaited_future(task)
    return TaskStack(
        task=number,
        stack=tuple(frames),
        awaits=_describe(waiter),
        awaited_task=getattr(waiter, "wsdoctor_number", 0),
        asked_to_end=next(iter(getattr(task, "wsdoctor_cancelled", ())), None),
        answers=None if any(frame.user for frame in frames) else next(filter(None, answers), None),
    )


def suspended(task: asyncio.Task[Any]) -> Iterator[tuple[Suspended, FrameType]]:
    """What a suspended task runs, each with its frame, the outermost first."""
    current: object = task.get_coro()
    found = 0
    while current is not None and found < _LONGEST:
        frame, awaited = _suspended(current)
        if frame is not None:
            found += 1
            yield cast("Suspended", current), frame
        current = awaited


def is_suspended(runs: Suspended) -> bool:
    """Whether ``runs`` has begun and not ended."""
    if isinstance(runs, CoroutineType):
        return runs.cr_suspended or runs.cr_running
    frame = runs.ag_frame if isinstance(runs, AsyncGeneratorType) else runs.gi_frame
    return frame is not None


_METHOD = "websocket_disconnect"
"""The method that Channels calls for the message `websocket.disconnect`: it names all of them so."""


def _answering(recorder: Recorder, coroutine: object) -> StackFrame | None:
    """The user's ``websocket_disconnect`` of an object that ``coroutine`` works on; None if there is none.

    That of a base class, if the user's class has none, is the package's.
    """
    # Not by the frame's variables: before 3.13 to look at them keeps what they hold alive.
    for value in gc.get_referents(coroutine):
        cls = type(value)
        if cls.__module__ == "builtins":
            continue
        method = next((vars(base)[_METHOD] for base in cls.__mro__ if _METHOD in vars(base)), None)
        if isinstance(method, FunctionType) and recorder.user_code.is_user_code(
            method.__code__, method.__globals__
        ):
            return recorder.frame(method.__code__, method.__code__.co_firstlineno)
    return None


def _suspended(awaitable: object) -> tuple[FrameType | None, object]:
    """The frame of ``awaitable`` if it has one, and what it awaits in turn."""
    if isinstance(awaitable, CoroutineType):
        # One that has not begun has a frame, too, but is suspended nowhere in it.
        return awaitable.cr_frame if awaitable.cr_suspended else None, awaitable.cr_await
    if isinstance(awaitable, AsyncGeneratorType):
        return awaitable.ag_frame, awaitable.ag_await
    if isinstance(awaitable, GeneratorType):
        return awaitable.gi_frame, awaitable.gi_yieldfrom
    if isinstance(awaitable, asyncio.Future):
        return None, None
    # The iterators of __await__, asend(), athrow() and anext() tell what they drive only to the
    # collector, and one of them may drive another.
    for referent in gc.get_referents(awaitable):
        if isinstance(referent, CoroutineType | AsyncGeneratorType | GeneratorType):
            return None, referent
        if type(referent).__name__ in _ITERATORS:
            return None, referent
    return None, None


_ITERATORS = frozenset(
    {"anext_awaitable", "async_generator_asend", "async_generator_athrow", "coroutine_wrapper"}
)


def _describe(waiter: asyncio.Future[Any] | None) -> str:
    if waiter is None:
        return ""
    if isinstance(waiter, asyncio.Task):
        coroutine = waiter.get_coro()
        return f"task {getattr(coroutine, '__qualname__', waiter.get_name())}"
    return "a future"


def is_below(frame: FrameType | None, caller: FrameType) -> bool:
    """Whether ``caller`` has called ``frame``, however deep."""
    while frame is not None:
        frame = frame.f_back
        if frame is caller:
            return True
    return False

"""Await stacks: where a suspended task is, through coroutines and asynchronous generators."""

from __future__ import annotations

import asyncio
import gc
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any

from wsdoctor.recording.events import StackFrame, TaskStack
from wsdoctor.session.recorder import Recorder
from wsdoctor.sim.private import awaited_future

_LONGEST = 100
"""A chain of awaits deeper than this is cut."""


def await_stack(recorder: Recorder, task: asyncio.Task[Any], number: int) -> TaskStack:
    """The stack of a suspended task, outermost frame first, and what it waits for."""
    frames: list[StackFrame] = []
    current: object = task.get_coro()
    while current is not None and len(frames) < _LONGEST:
        frame, awaited = _suspended(current)
        if frame is not None:
            frames.append(recorder.frame(frame.f_code, frame.f_lineno))
        current = awaited
    waiter = awaited_future(task)
    return TaskStack(
        task=number,
        stack=tuple(frames),
        awaits=_describe(waiter),
        awaited_task=getattr(waiter, "wsdoctor_number", 0),
        asked_to_end=next(iter(getattr(task, "wsdoctor_cancelled", ())), None),
    )


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

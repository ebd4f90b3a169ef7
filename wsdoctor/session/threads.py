"""Threads: to which connection they belong, and what became of those that failed unseen.

A new thread begins with an empty context (until Python 3.14's free-threaded build), and so does a call
that ``run_in_executor`` lends to a pool: the context variable CONNECTION does not get there by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from typing import Any

from wsdoctor.private.threading import is_pool_worker
from wsdoctor.recording.events import UnseenErrorReported
from wsdoctor.session.recorder import CONNECTION, Recorder

_MARK = "wsdoctor_connection"
_STARTED_AT = "wsdoctor_started_at"


def current_connection() -> int:
    """The number of the connection that the running code works for, 0 for none.

    The context says so. A task with a context of its own belongs to the connection of the code that
    created it, and a thread to the connection of the code that started it.
    """
    if number := CONNECTION.get():
        return number
    try:
        runner: object = asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        runner = threading.current_thread()
    return getattr(runner, _MARK, 0)


def carry_into_threads(loop: asyncio.AbstractEventLoop) -> None:
    """Let ``loop`` tell its pools, and the callbacks that come from threads, whose they are."""
    lend, call_soon_threadsafe = loop.run_in_executor, loop.call_soon_threadsafe

    def run_in_executor(executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        if number := current_connection():
            return lend(executor, functools.partial(_on_behalf, number, func), *args)
        return lend(executor, func, *args)

    def from_thread(
        callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        number = getattr(threading.current_thread(), _MARK, 0)
        if context is None and number and not CONNECTION.get():
            context = copy_context()
            context.run(CONNECTION.set, number)
            # The loop copies the context that it is called in.
            return context.run(call_soon_threadsafe, callback, *args)
        return call_soon_threadsafe(callback, *args, context=context)

    vars(loop).update(run_in_executor=run_in_executor, call_soon_threadsafe=from_thread)


def _on_behalf(number: int, func: Callable[..., Any], *args: Any) -> Any:
    """Call ``func`` for connection ``number``, in a thread that serves others as well."""
    token = CONNECTION.set(number)
    try:
        return func(*args)
    finally:
        CONNECTION.reset(token)


@contextlib.contextmanager
def observed(recorder: Recorder) -> Iterator[None]:
    """Within the block, threads know which code started them, and unhandled errors are recorded.

    The hooks of the interpreter (threading.excepthook, sys.unraisablehook) print by default, which
    would disturb wsdoctor's own output.
    """
    start = threading.Thread.start
    hooks = threading.excepthook, sys.unraisablehook

    def marked(self: threading.Thread) -> None:
        # The threads of a pool serve any caller.
        if (number := current_connection()) and not is_pool_worker(self):
            vars(self).update({_MARK: number, _STARTED_AT: recorder.calling_stack()})
        start(self)

    def thread_failed(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is SystemExit:
            return  # it ends the thread, and nothing else (threading.excepthook)
        thread = args.thread
        recorder.add(
            UnseenErrorReported(
                **recorder.here(),
                connection=getattr(thread, _MARK, 0),
                where="thread",
                message="" if thread is None else thread.name,
                exception=recorder.exception(args.exc_value),
                started_at=getattr(thread, _STARTED_AT, ()),
            )
        )

    def unraisable(args: sys.UnraisableHookArgs) -> None:
        recorder.add(
            UnseenErrorReported(
                **recorder.here(),
                connection=current_connection(),
                where="unraisable",
                message=args.err_msg or "",
                exception=recorder.exception(args.exc_value),
            )
        )

    threading.Thread.start = marked  # type: ignore[method-assign]  # there is no hook for it
    threading.excepthook, sys.unraisablehook = thread_failed, unraisable
    try:
        yield
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]  # as above
        threading.excepthook, sys.unraisablehook = hooks

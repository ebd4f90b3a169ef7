"""What anyio has no public name for.

``tests/private/test_anyio.py`` fails on an anyio that changed one of these names.
"""

from __future__ import annotations

import importlib
import itertools
import queue
import sys
import threading
from contextvars import Context
from types import FrameType
from typing import Any


def wrapped_coroutine(coro: object) -> object:
    """The coroutine that an anyio task group was given, if ``coro`` is what it makes of it.

    Its tasks run ``TaskHandle._run_coro()`` (seen in 4.16), which awaits the user's own.
    """
    frame = getattr(coro, "cr_frame", None)
    owner = None if frame is None else frame.f_locals.get("self")
    if type(owner).__module__.partition(".")[0] != "anyio":
        return coro
    return getattr(owner, "_coro", coro)


_scopes: dict[int, int] = {}
"""The numbers of anyio's cancel scopes, by address; the next one at an address has a new number."""

_numbers = itertools.count(1)


def number_cancel_scopes() -> None:
    """From now on anyio's cancel scopes hash by the order in which they are made, from 1.

    A task group cancels its tasks in the order of a set of their scopes; by address that order,
    and with it the order of everything that follows, would be chance. Scopes that were made before
    hash as ever, for they may be in sets.
    """
    global _numbers  # noqa: PLW0603 - as the class that it is about
    _numbers = itertools.count(1)
    backend = sys.modules.get("anyio._backends._asyncio")
    if backend is None and "anyio" in sys.modules:
        # anyio imports it when it is first used, which may be in the session that is to come.
        backend = importlib.import_module("anyio._backends._asyncio")
    if backend is None or "__hash__" in vars(backend.CancelScope):
        return
    initialise = backend.CancelScope.__init__

    def numbered(self: Any, *args: Any, **options: Any) -> None:
        _scopes[id(self)] = next(_numbers)
        initialise(self, *args, **options)

    def number(self: Any) -> int:
        return _scopes.get(id(self)) or object.__hash__(self)

    backend.CancelScope.__init__ = numbered
    backend.CancelScope.__hash__ = number


def anyio_locks() -> tuple[type, ...]:
    """The classes of anyio's locks, semaphores and limiters on asyncio; none if it is not imported.

    What ``anyio.Lock()`` gives, with or without a running loop, ends up in one of these.
    """
    backend = sys.modules.get("anyio._backends._asyncio")
    if backend is None:
        return ()
    # Those of older versions are the same on every backend.
    places = (backend, sys.modules["anyio"])
    return tuple(
        next(cls for place in places if (cls := getattr(place, name, None)) is not None)
        for name in ("Lock", "Semaphore", "CapacityLimiter")
    )


def anyio_streams() -> tuple[tuple[type, type], ...]:
    """The two ends of anyio's memory object streams; none if anyio is not imported."""
    memory = sys.modules.get("anyio.streams.memory")
    if memory is None:
        return ()
    return ((memory.MemoryObjectSendStream, memory.MemoryObjectReceiveStream),)


def stream_state(stream: Any) -> Any:
    """What all ends of one memory object stream share; its ``buffer`` holds the items."""
    return stream._state  # noqa: SLF001 - the ends have no public name for it


def has_unfinished_work(thread: threading.Thread) -> bool:
    """True for an anyio worker thread that was given a call and has not finished it."""
    work = getattr(thread, "queue", None)
    return isinstance(work, queue.Queue) and work.unfinished_tasks > 0


def context_of_call(thread: threading.Thread, frame: FrameType) -> Context | None:
    """The context in which an anyio worker at ``frame`` runs a call that it has not finished."""
    if not has_unfinished_work(thread):
        return None
    current: FrameType | None = frame
    while current is not None:
        if isinstance(current.f_locals.get("context"), Context):
            found: Context = current.f_locals["context"]
            return found
        current = current.f_back
    return None


def is_anyio_worker(thread: threading.Thread) -> bool:
    """True for a thread of anyio's, which does one call after the other."""
    return type(thread).__module__.startswith("anyio.") and hasattr(thread, "queue")

"""The tasks that know that a connection is over: those that received the disconnect, and those that they wake.

Two tasks that share a connection learn of its end at different times. A send in between is a race, which
the ASGI specification allows. A task learns of the end from another one by a wake-up: it waited for the
other task, or for something that the other task put into a queue, an event or a future. So a wake-up
passes on what its sender knows. Observation begins with the first disconnect.

A refused send also reveals the end, but it is no disconnect, which the task can still receive. So
this module tracks refused sends separately.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Self

from wsdoctor.private.anyio import anyio_streams, stream_state
from wsdoctor.private.asyncio import run_within, wakes_without_news
from wsdoctor.session.recorder import CONNECTION, note_knew

_News = frozenset[tuple[str, int]]
"""Pairs of a fact that a task knows, and the number of the connection that it concerns."""
_NONE: _News = frozenset()
_RECEIVED, _REFUSED = "received", "refused"

_STARLETTE_READS = ("receive_text", "receive_bytes", "receive_json")
"""Starlette's methods that raise without a look at the server once a send was refused."""


class Awareness:
    """Which tasks of ``loop`` know what of which connections, by number.

    Use as a context manager: leaving it takes our methods out of asyncio's and anyio's classes.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: weakref.WeakKeyDictionary[asyncio.Task[Any], _News] = (
            weakref.WeakKeyDictionary()
        )
        self._callback: _News | None = None
        """What the running callback knows, None if it was not informed; tasks know for themselves."""
        self._undo = contextlib.ExitStack()
        self._watches = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def received(self, connection: int) -> None:
        """The running code received the disconnect of ``connection``."""
        self._begin()
        self.learn(frozenset({(_RECEIVED, connection)}))

    def refused(self, connection: int) -> None:
        """The server refused a message of the running code's to ``connection``."""
        self._begin()
        self.learn(frozenset({(_REFUSED, connection)}))

    def knows(self, connection: int) -> bool:
        """Whether the running code knows that the disconnect of ``connection`` was received."""
        return self._watches and (_RECEIVED, connection) in self.known()

    def knows_of_refusal(self, connection: int) -> bool:
        """Whether the running code knows that a send to ``connection`` was refused."""
        return self._watches and (_REFUSED, connection) in self.known()

    def hears_of(self, task: asyncio.Task[Any]) -> None:
        """The running code was given the outcome of ``task`` without having waited for it."""
        if self._watches:
            self.learn(self._tasks.get(task, _NONE))

    def known(self) -> _News:
        """What the running code knows of the connections."""
        try:
            task = asyncio.current_task()
        except RuntimeError:  # another thread
            return _NONE
        if task is None:
            return self._callback or _NONE
        return self._tasks.get(task, _NONE)

    def learn(self, news: _News) -> None:
        """The running code is given what code put there that knew ``news``."""
        if not news:
            return
        try:
            task = asyncio.current_task()
        except RuntimeError:
            return
        if task is not None:
            self._inform(task, news)
        elif self._callback is not None:
            self._callback |= news

    def _inform(self, task: asyncio.Task[Any], news: _News) -> None:
        self._tasks[task] = self._tasks.get(task, _NONE) | news

    def _begin(self) -> None:
        if not self._watches:
            self._watches = True
            self._watch()

    def _watch(self) -> None:
        schedule = self._loop.call_soon

        def call_soon(callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
            handle = schedule(callback, *args, context=context)
            if (known := self.known()) and not wakes_without_news(sys._getframe(1)):  # noqa: SLF001 - documented
                woken = getattr(callback, "__self__", None)
                if isinstance(woken, asyncio.Task):
                    self._inform(woken, known)
                else:
                    run_within(handle, functools.partial(self._callback_knows, known))
            return handle

        # Tasks and futures look it up on the loop itself.
        vars(self._loop)["call_soon"] = call_soon
        _Items(self, lambda queue: queue, lambda queue: int(queue.qsize())).watch(
            self._undo, (asyncio.Queue, "put_nowait"), (asyncio.Queue, "get_nowait")
        )
        for sender, receiver in anyio_streams():
            _Items(self, stream_state, lambda state: len(state.buffer)).watch(
                self._undo, (sender, "send_nowait"), (receiver, "receive_nowait")
            )
        _watch_events(self, self._undo)
        _watch_starlette(self, self._undo)

    @contextlib.contextmanager
    def _callback_knows(self, news: _News) -> Iterator[None]:
        before, self._callback = self._callback, news
        try:
            yield
        finally:
            self._callback = before


class _Items:
    """Hands on what the code knew that put an item into a queue, to the code that gets it.

    In the order of first in, first out; a queue of another order informs the first that gets an item.
    ``shared`` gives what the two ends have in common, and ``size`` the number of items in that.
    """

    def __init__(
        self,
        awareness: Awareness,
        shared: Callable[[Any], Any],
        size: Callable[[Any], int],
    ) -> None:
        self._awareness = awareness
        self._shared = shared
        self._size = size
        self._news: weakref.WeakKeyDictionary[Any, deque[_News]] = weakref.WeakKeyDictionary()

    def watch(
        self, undo: contextlib.ExitStack, put: tuple[type, str], get: tuple[type, str]
    ) -> None:
        """Look on at the two methods of asyncio's or anyio's, until ``undo`` ends."""
        _wrap(undo, *put, self._put)
        _wrap(undo, *get, self._get)

    def _put(self, original: Callable[..., Any], queue: Any, item: Any) -> Any:
        known, shared = self._awareness.known(), self._shared(queue)
        if not known and shared not in self._news:
            return original(queue, item)
        before = self._size(shared)
        result = original(queue, item)
        if self._size(shared) > before:  # else a receiver that waited has got it, and is woken
            news = self._news.setdefault(shared, deque())
            news.extend([_NONE] * (before - len(news)))
            news.append(known)
        return result

    def _get(self, original: Callable[..., Any], queue: Any) -> Any:
        item = original(queue)
        if news := self._news.get(self._shared(queue)):
            self._awareness.learn(news.popleft())
        return item


def _watch_events(awareness: Awareness, undo: contextlib.ExitStack) -> None:
    """Pass knowledge on by events: to tasks that check a set event, and to tasks that wait for it."""
    news: weakref.WeakKeyDictionary[asyncio.Event, _News] = weakref.WeakKeyDictionary()

    def set_(original: Callable[..., Any], event: asyncio.Event) -> Any:
        if not event.is_set():
            news[event] = awareness.known()
        return original(event)

    def is_set(original: Callable[..., Any], event: asyncio.Event) -> Any:
        result = original(event)
        if result:
            awareness.learn(news.get(event, _NONE))
        return result

    def wait(original: Callable[..., Any], event: asyncio.Event) -> Any:
        event.is_set()
        return original(event)

    for name, watched in (("set", set_), ("is_set", is_set), ("wait", wait)):
        _wrap(undo, asyncio.Event, name, watched)


def _watch_starlette(awareness: Awareness, undo: contextlib.ExitStack) -> None:
    """Note on what Starlette raises, instead of reading, whether the reader knew of a refused send.

    The note is made at once: a reader that did not know may learn of it while the exception propagates.
    """
    module = sys.modules.get("starlette.websockets")
    cls = getattr(module, "WebSocket", None)
    if cls is None:
        return

    async def reads(
        original: Callable[..., Any], websocket: Any, *args: Any, **options: Any
    ) -> Any:
        try:
            return await original(websocket, *args, **options)
        except RuntimeError as error:
            if awareness.knows_of_refusal(CONNECTION.get()):
                note_knew(error)
            raise

    for name in _STARLETTE_READS:
        if hasattr(cls, name):
            _wrap(undo, cls, name, reads)


def _wrap(undo: contextlib.ExitStack, cls: type, name: str, watched: Callable[..., Any]) -> None:
    """Let ``watched`` be called in the place of a method, with the original before its arguments."""
    original = getattr(cls, name)

    @functools.wraps(original)
    def method(self: Any, *args: Any, **options: Any) -> Any:
        return watched(original, self, *args, **options)

    if name in vars(cls):
        undo.callback(setattr, cls, name, original)
    else:
        undo.callback(delattr, cls, name)
    setattr(cls, name, method)

"""The methods that acquire and release locks of asyncio and anyio, with calls to a ``Watcher`` added.

Without a watcher they behave as the originals do. They must, because a condition keeps the methods that it
took from its lock when it was made, and a watcher may have been active then.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from types import CodeType
from typing import Any, Protocol

from wsdoctor.private.anyio import anyio_locks


class Watcher(Protocol):
    """Observes the calls of the methods. ``caller`` is the function that calls the method."""

    def use(self, lock: object, borrower: object, caller: CodeType) -> tuple[Any, Any]:
        """Note that ``borrower`` asks for ``lock``. The other methods take the result as ``use``."""

    def acquire(
        self, original: Any, lock: Any, args: Any, options: Any, use: tuple[Any, Any]
    ) -> Coroutine[Any, Any, Any]:
        """Await ``original(lock)`` for ``use``."""

    def acquired(self, known: Any, use: Any, /) -> None:
        """It was had at once."""

    def refused(self, known: Any, use: Any, /) -> None:
        """It could not be had at once."""

    def released(self, lock: object, borrower: object, caller: CodeType) -> None:
        """It was released."""

    def belongs(self, lock: asyncio.Lock, condition: object) -> None:
        """``lock`` is that of ``condition``, which is about to be acquired or released."""


_watchers: list[Watcher] = []


@contextlib.contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Call the methods of ``watcher`` within the block."""
    with contextlib.ExitStack() as undo:
        _watch(undo, asyncio.Lock, _SHARED)
        _watch(undo, asyncio.Semaphore, _SHARED)
        for name in ("acquire", "release"):
            _replace(undo, asyncio.Condition, name, _OfTheLock(name))
        for cls in anyio_locks():
            _watch(undo, cls, _BORROWED if hasattr(cls, "acquire_on_behalf_of") else _SHARED)
        _watchers.append(watcher)
        undo.callback(_watchers.pop)
        yield


def _watch(
    undo: contextlib.ExitStack, cls: type, methods: Mapping[str, Callable[[Any], Any]]
) -> None:
    for name, watched in methods.items():
        if (original := vars(cls).get(name)) is not None:
            _INNER.add(original.__code__)
            _replace(undo, cls, name, watched(original))


def _replace(undo: contextlib.ExitStack, cls: type, name: str, value: object) -> None:
    if name in vars(cls):
        undo.callback(setattr, cls, name, vars(cls)[name])
    else:
        undo.callback(delattr, cls, name)
    setattr(cls, name, value)


_INNER: set[CodeType] = set()
"""The original methods: when one of them calls another, the application did not."""

CONDITION_WAIT: CodeType = asyncio.Condition.wait.__code__
"""The code of a method that releases a lock only to acquire it again."""


class _OfTheLock:
    """``acquire`` or ``release`` of a condition.

    It takes those of its lock when it is made, which may be before anybody looks: here they are asked
    for anew.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, condition: object | None, owner: type | None = None) -> Any:
        if condition is None:
            return self
        try:
            taken = vars(condition)[self._name]
        except KeyError:
            raise AttributeError(self._name) from None
        lock = getattr(taken, "__self__", None)
        if _watchers and isinstance(lock, asyncio.Lock):
            _watchers[-1].belongs(lock, condition)
        return taken if lock is None else getattr(lock, self._name)

    def __set__(self, condition: object, value: object) -> None:
        vars(condition)[self._name] = value


@functools.cache
def _acquire(original: Any) -> Any:
    @functools.wraps(original)
    def acquire(self: Any, *args: Any, **options: Any) -> Any:
        caller = sys._getframe(1).f_code  # noqa: SLF001 - documented
        if not _watchers or caller in _INNER:
            return original(self, *args, **options)
        watcher = _watchers[-1]
        use = watcher.use(self, _borrower(args, options), caller)
        acquiring: Any = watcher.acquire(original, self, args, options, use)
        acquiring.__name__, acquiring.__qualname__ = original.__name__, original.__qualname__
        return acquiring

    return acquire


@functools.cache
def _acquire_nowait(original: Any) -> Any:
    @functools.wraps(original)
    def acquire_nowait(self: Any, *args: Any, **options: Any) -> Any:
        caller = sys._getframe(1).f_code  # noqa: SLF001 - documented
        if not _watchers or caller in _INNER:
            return original(self, *args, **options)
        watcher = _watchers[-1]
        use = watcher.use(self, _borrower(args, options), caller)
        try:
            acquired = original(self, *args, **options)
        except Exception:
            watcher.refused(*use)
            raise
        watcher.acquired(*use)
        return acquired

    return acquire_nowait


@functools.cache
def _release(original: Any) -> Any:
    @functools.wraps(original)
    def release(self: Any, *args: Any, **options: Any) -> Any:
        released = original(self, *args, **options)
        caller = sys._getframe(1).f_code  # noqa: SLF001 - documented
        if _watchers and caller not in _INNER:
            _watchers[-1].released(self, _borrower(args, options), caller)
        return released

    return release


@functools.cache
def _locked(original: Any) -> Any:
    @functools.wraps(original)
    def locked(self: Any) -> Any:
        found = original(self)
        caller = sys._getframe(1).f_code  # noqa: SLF001 - documented
        if found and _watchers and caller not in _INNER:
            watcher = _watchers[-1]
            watcher.refused(*watcher.use(self, None, caller))
        return found

    return locked


def _borrower(args: tuple[Any, ...], options: dict[str, Any]) -> object:
    return next(iter((*args, *options.values())), None)


_SHARED = {
    "acquire": _acquire,
    "acquire_nowait": _acquire_nowait,
    "release": _release,
    "locked": _locked,
}
_BORROWED = {
    "acquire_on_behalf_of": _acquire,
    "acquire_on_behalf_of_nowait": _acquire_nowait,
    "release_on_behalf_of": _release,
}
"""Methods of a CapacityLimiter, which all its other methods call."""

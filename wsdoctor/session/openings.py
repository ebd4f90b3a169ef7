"""The calls that open something outside, wrapped so that an observer hears of them.

Python has audit hooks for these, but they can never be taken off again, and name no descriptor.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import functools
import inspect
import io
import multiprocessing.process
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from wsdoctor.session import pools
from wsdoctor.session.threads import current_connection

if TYPE_CHECKING:
    from wsdoctor.session.resources import ResourceObserver

_DESCRIPTORS = {
    "open": "file",
    "openpty": "pseudo-terminal",
    "pipe": "pipe",
    "memfd_create": "file in memory",
    "eventfd": "event descriptor",
}
"""The functions of ``os`` that return descriptors, and what these are."""

_FORKS = ("fork", "forkpty", "posix_spawn", "posix_spawnp")


class Openings:
    """Wraps the calls, and puts back what was there.

    What one of these calls opens by another one is part of the first: the pipes of a child process.
    """

    def __init__(self, observer: ResourceObserver) -> None:
        self._observer = observer
        self._within = threading.local()
        self._replaced: list[tuple[Any, str, Any]] = []
        self._lenders: set[tuple[type, str]] = set()

    def __enter__(self) -> None:
        observer = self._observer
        self._after(socket.socket, "__init__", lambda sock, *_, **__: observer.socket(sock))
        self._around(subprocess.Popen, "__init__", self._popen)
        self._around(subprocess.Popen, "send_signal", self._signals)
        self._around(multiprocessing.process.BaseProcess, "start", self._starts)
        for name in ("kill", "killpg"):
            self._around(os, name, self._kills)
        for name, what in _DESCRIPTORS.items():
            self._around(os, name, functools.partial(self._opens, what))
        for name in _FORKS:
            self._around(os, name, self._forks)
        files = functools.partial(self._opens_file)
        for module in (builtins, io, sys.modules["_io"]):
            self._around(module, "open", files)
        if (aiofiles := sys.modules.get("aiofiles.threadpool")) is not None:
            self._around(aiofiles, "sync_open", files)
        self.know_pools()

    def know_pools(self) -> None:
        """Wrap the pools of the libraries that have been imported since this was last called."""
        for adapter, lender in pools.imported():
            if (lender, adapter.takes) in self._lenders:
                continue
            self._lenders.add((lender, adapter.takes))
            self._around(lender, adapter.takes, functools.partial(self._lends, adapter))
            if adapter.returns:
                self._around(lender, adapter.returns, self._takes_back)

    def __exit__(self, *_: object) -> None:
        for owner, name, original in reversed(self._replaced):
            setattr(owner, name, original)
        self._replaced.clear()
        self._lenders.clear()

    # --- how

    def _around(self, owner: Any, name: str, call: Callable[..., Any]) -> None:
        """Have ``call(original, *args)`` instead of what ``owner`` has as ``name``, if it has that."""
        original = vars(owner).get(name)
        if original is None:
            return

        @functools.wraps(original)
        def wrapped(*args: Any, **options: Any) -> Any:
            return call(original, *args, **options)

        self._replaced.append((owner, name, original))
        setattr(owner, name, wrapped)

    def _after(self, owner: Any, name: str, tell: Callable[..., None]) -> None:
        def call(original: Any, *args: Any, **options: Any) -> None:
            original(*args, **options)
            if self._is_outermost():
                tell(*args, **options)

        self._around(owner, name, call)

    def _is_outermost(self) -> bool:
        return bool(current_connection()) and self._is_first()

    def _is_first(self) -> bool:
        return not getattr(self._within, "depth", 0)

    @contextlib.contextmanager
    def _inside(self) -> Iterator[None]:
        """Within the block nothing is noted."""
        depth = getattr(self._within, "depth", 0)
        self._within.depth = depth + 1
        try:
            yield
        finally:
            self._within.depth = depth

    # --- the calls

    def _popen(self, original: Any, popen: Any, *args: Any, **options: Any) -> None:
        with self._inside():
            original(popen, *args, **options)
        if self._is_first():
            self._observer.process(popen.pid, popen)

    def _signals(self, original: Any, popen: Any, *args: Any, **options: Any) -> Any:
        self._observer.signalled(popen.pid)
        return original(popen, *args, **options)

    def _kills(self, original: Any, pid: int, *args: Any) -> Any:
        self._observer.signalled(pid)
        return original(pid, *args)

    def _starts(self, original: Any, process: Any) -> None:
        with self._inside():
            original(process)
        if self._is_first() and process.pid is not None:
            self._observer.process(process.pid)

    def _forks(self, original: Any, *args: Any, **options: Any) -> Any:
        result = original(*args, **options)
        pid, *descriptors = result if isinstance(result, tuple) else (result,)
        if pid and self._is_first():  # 0 in the child itself
            self._observer.process(pid)
            for descriptor in descriptors if current_connection() else ():
                self._observer.descriptor(descriptor, "pseudo-terminal")
        return result

    def _opens(self, what: str, original: Any, *args: Any, **options: Any) -> Any:
        result = original(*args, **options)
        if self._is_outermost():
            named = self._observer.named(args[0]) if what == "file" and args else what
            for descriptor in result if isinstance(result, tuple) else (result,):
                self._observer.descriptor(descriptor, named)
        return result

    def _opens_file(self, original: Any, *args: Any, **options: Any) -> Any:
        if not self._is_outermost():
            return original(*args, **options)
        with self._inside():
            file = original(*args, **options)
        self._observer.file(file, args[0] if args else options.get("file"))
        return file

    def _lends(
        self, adapter: pools.Adapter, original: Any, pool: Any, *args: Any, **options: Any
    ) -> Any:
        asked = self._observer.asks(adapter, pool)
        result = original(pool, *args, **options)
        if inspect.iscoroutine(result):
            return self._lent(adapter, pool, result, asked)
        self._observer.took(adapter, pool, result, asked)
        return result

    async def _lent(self, adapter: pools.Adapter, pool: Any, giving: Any, asked: Any) -> Any:
        try:
            taken = await giving
        except asyncio.CancelledError:
            self._observer.gave_up(asked)
            raise
        self._observer.took(adapter, pool, taken, asked)
        return taken

    def _takes_back(self, original: Any, pool: Any, taken: Any, *args: Any, **options: Any) -> Any:
        self._observer.gave_back(taken)
        return original(pool, taken, *args, **options)

"""The fork server: a process that imports the application once and runs no case of it.

Each stretch of cases runs in a copy of the process: a fork, which takes milliseconds and shares the
memory of the import. What a case leaves behind, breaks or changes (globals, descriptors, the working
directory, the process itself) ends with its copy.

A fork has only the thread that forked. So the fork server has one thread, and an application that
has threads, connections or processes when it has been imported is not copied: it needs a process for
each stretch.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import socket
import stat
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from logging.handlers import QueueListener
from pathlib import Path
from typing import NoReturn

from msgspec.structs import replace

from wsdoctor.private.threading import log_listener
from wsdoctor.session.run import settle
from wsdoctor.sim.threads import OWN_THREADS
from wsdoctor.workers.last_words import speak_here
from wsdoctor.workers.messages import (
    Believe,
    Compare,
    Crashed,
    End,
    Gone,
    Learn,
    Loaded,
    Request,
    Run,
    Sample,
    Sampled,
    request,
)
from wsdoctor.workers.worker import Worker, believe

_EXIT, _KILL, _FORK = os._exit, os.kill, getattr(os, "fork", None)

_TASKS, _OPEN = Path("/proc/self/task"), Path("/proc/self/fd")
"""What lists this process's threads, those of libraries in C included, and its descriptors."""

_THREAD_ENDS = 1.0
"""Wall seconds that the system is given to remove a thread that has ended."""


def can_fork() -> bool:
    """Whether this system copies processes safely, and tells when a copy has ended.

    macOS does not: its system libraries may crash in a forked process.
    """
    if sys.platform != "linux" or _FORK is None or not (_TASKS.is_dir() and _OPEN.is_dir()):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:  # an old kernel, or a sandbox
        return False
    return True


class _Copy:
    """A running copy: its process, where it takes requests, and the number of its last one."""

    def __init__(self, pid: int, requests: int) -> None:
        self.pid = pid
        self.ended = os.pidfd_open(pid)
        self.requests = requests
        self.number = 0
        self.spoiled = False

    def send(self, line: bytes) -> None:
        with contextlib.suppress(OSError):  # it has ended: that is noticed in its own time
            while line:
                line = line[os.write(self.requests, line) :]

    def kill(self) -> None:
        """End it, and the processes that it has started."""
        # Until this process is waited for, no other process gets its number.
        for kill, number in ((os.killpg, self.pid), (_KILL, self.pid)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(number, signal.SIGKILL)

    def wait(self) -> int:
        """Kill what is left of it; its exit code, or minus the signal that ended it."""
        os.close(self.requests)
        os.close(self.ended)
        self.kill()
        try:
            _, status = os.waitpid(self.pid, 0)
        except ChildProcessError:  # the application ignores SIGCHLD
            return 0
        return os.waitstatus_to_exitcode(status)


class ForkServer:
    """Serves requests, read from the descriptor ``requests``, with copies of this process.

    ``worker`` loads the application here, and runs its cases in the copies.
    """

    def __init__(self, worker: Worker, requests: int) -> None:
        self._worker = worker
        self._requests = requests
        self._unread = b""
        self._copy: _Copy | None = None
        self._listeners: list[QueueListener] = []
        self._warm: set[str] = set()

    def serve(self) -> None:
        """Serve until the requests end."""
        before = _sockets()
        with _Guard(self._requests):
            loaded = self._worker.answer(self._next())
            if isinstance(loaded, Loaded):
                self._listeners = _log_listeners()
                loaded = replace(loaded, apart=self._why_not(before))
        if isinstance(loaded, Loaded) and not loaded.apart:
            settle()
            self._worker.say(loaded)
            try:
                self._attend()
            except Exception:  # noqa: BLE001 - reported as wsdoctor's own failure
                self._worker.say(Crashed(traceback.format_exc()), begin_anew=True)
                self._leave()
        for listener in self._listeners:
            listener.start()
        self._worker.say(loaded)
        self._worker.serve(os.fdopen(self._requests, "rb"))

    def _why_not(self, before: set[int]) -> str:
        """Why this process cannot be copied; empty if it can. Log listeners are stopped then."""
        for listener in self._listeners:
            listener.stop()
        mine = threading.current_thread()
        # The guard ends before a copy is made.
        others = [
            thread
            for thread in threading.enumerate()
            if thread is not mine and thread.ident not in OWN_THREADS
        ]
        if others:
            return f"it starts threads when it is imported ({others[0].name})"
        if _sockets() - before:
            return "it opens connections when it is imported"
        if _has_children():
            return "it starts a process when it is imported"
        if not _alone(threads=2):
            return "a library starts threads when it is imported"
        return ""

    # --- requests

    def _next(self) -> Request:
        while b"\n" not in self._unread:
            self._read()
        line, _, self._unread = self._unread.partition(b"\n")
        return request(line)

    def _read(self) -> None:
        data = os.read(self._requests, 65_536)
        if not data:
            self._leave()
        self._unread += data

    def _lines(self) -> Iterator[bytes]:
        *lines, self._unread = self._unread.split(b"\n")
        for line in lines:
            yield line + b"\n"

    def _attend(self) -> NoReturn:
        while True:
            poll = select.poll()
            poll.register(self._requests, select.POLLIN)
            if self._copy is not None:
                poll.register(self._copy.ended, select.POLLIN)
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._copy is not None and self._copy.ended in ready:
                self._gone(self._copy)
            if self._requests in ready:
                self._read()
                for line in self._lines():
                    self._take(request(line), line)

    def _take(self, wanted: Request, line: bytes) -> None:
        copy = self._copy
        if isinstance(wanted, Sample):
            if copy is None:
                self._worker.say(Sampled((), 0))
            else:
                copy.send(line)
        elif isinstance(wanted, Learn):
            self._worker.learn(wanted.recording)
            settle()
        elif isinstance(wanted, Believe):
            believe(wanted.found)
        elif isinstance(wanted, End):
            if copy is None:
                self._worker.say(Gone(wanted.number, -signal.SIGKILL))
            else:
                copy.kill()
                self._gone(copy)
        elif isinstance(wanted, Run | Compare):
            if copy is not None and (copy.spoiled or getattr(wanted, "fresh", False)):
                self._copy = None
                copy.kill()
                copy.wait()
            server = wanted.case.server if isinstance(wanted, Run) else wanted.server
            copy = self._copy or self._fork(server)
            copy.number = wanted.number
            # The smallest applications set up logging and more besides.
            copy.spoiled = isinstance(wanted, Compare)
            copy.send(line)

    def _gone(self, copy: _Copy) -> None:
        self._copy = None
        returncode = copy.wait()
        # It may have ended in the middle of a line.
        self._worker.say(Gone(copy.number, returncode), begin_anew=True)

    # --- copies

    def _fork(self, server: str) -> _Copy:
        self._prepare(server)
        assert _FORK is not None
        taken, given = os.pipe()
        dice = random.getstate()
        with warnings.catch_warnings():
            # Python counts a thread that has just ended.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = _FORK()
        if pid:
            os.close(taken)
            self._copy = _Copy(pid, given)
            return self._copy
        try:
            os.close(given)
            os.close(self._requests)
            os.setpgid(0, 0)
            random.setstate(dice)  # as the import left it: Python has rolled anew
            speak_here()
            for listener in self._listeners:
                listener.start()
            self._worker.serve(os.fdopen(taken, "rb"))
        finally:
            _EXIT(70)

    def _prepare(self, server: str) -> None:
        """Import and try here what each copy would import and try by itself."""
        if server not in self._warm:
            self._warm.add(server)
            self._worker.warm_up(server)
            settle()

    def _leave(self) -> NoReturn:
        """End this process, its copy, and what they have started."""
        if self._copy is not None:
            self._copy.kill()
            self._copy.wait()
        if _has_children() and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        _EXIT(0)


class _Guard:
    """Ends this process if the supervisor goes while the application is imported.

    Leaving it ends its thread.
    """

    def __init__(self, requests: int) -> None:
        self._requests = requests
        self._done, self._leave = os.pipe()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        os.close(self._leave)
        self._thread.join()
        os.close(self._done)

    def _watch(self) -> None:
        OWN_THREADS.add(threading.get_ident())
        poll = select.poll()
        poll.register(self._requests, 0)  # only whether its other end is closed
        poll.register(self._done, select.POLLIN)
        if all(descriptor == self._requests for descriptor, _ in poll.poll()):
            _EXIT(0)
        OWN_THREADS.discard(threading.get_ident())


def _log_listeners() -> list[QueueListener]:
    """The threads by which the application writes its logs, as Litestar does by default."""
    listeners = map(log_listener, threading.enumerate())
    return [listener for listener in listeners if listener is not None]


def _sockets() -> set[int]:
    """The descriptors of connections; the two ends of a pair within this process are none."""
    return {
        descriptor
        for descriptor in (int(entry.name) for entry in _OPEN.iterdir())
        if _is_socket(descriptor)
    }


def _is_socket(descriptor: int) -> bool:
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return False
    except OSError:  # the listing's own
        return False
    try:
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            pair = not (connection.getsockname() or connection.getpeername())
            return connection.family != socket.AF_UNIX or not pair
    except OSError:  # not connected
        return True


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _alone(threads: int) -> bool:
    """Whether this process has that many threads, those of libraries in C included."""
    deadline = time.monotonic() + _THREAD_ENDS
    while len(list(_TASKS.iterdir())) > threads:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True

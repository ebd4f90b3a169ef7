"""What connections open outside the process, and what they take from pools: is it still there?

Only what Python code opens is seen: by ``socket.socket``, ``open``, ``subprocess`` and their like, by a
library that has a pool, or by one that gives the descriptor of its own socket to the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal, Self

from wsdoctor.private.asyncio import has_timer, makes_self_pipe
from wsdoctor.private.threading import running_future
from wsdoctor.recording.events import LeftResource, ResourcesLeft, Stack
from wsdoctor.session.openings import Openings
from wsdoctor.session.pools import Adapter
from wsdoctor.session.recorder import CONNECTION, Recorder
from wsdoctor.session.threads import current_connection
from wsdoctor.sim.engine import EventLoop

_FIRST_LOOK = 1.0
"""Seconds after which something that is open is looked at again; each time it is four times as long."""

_LONGEST_ON_THE_WALL = 5.0
"""Wall seconds for which that is done on the wall clock."""

_PATIENCE = 1.0
"""Seconds that a child process may work before it ends by itself, once the handler has returned: of its
own time, or else wall seconds."""

_NAP = 0.25
"""Wall seconds for one that does nothing but sleep."""

_LONGEST = 10.0
"""Wall seconds for any: one with much memory that was sent a signal, on a busy machine."""

_PAUSE = 0.005

_TURNS = 4
"""Pauses in which asyncio hears of the end of a child: by a thread, before Python 3.12."""

_IN_VAIN = 1.0
"""Seconds for which one waits for a pool that has nothing to give."""

_MANY = 256
"""Things that are known to have been opened, after which those that are closed are forgotten."""

Kind = Literal["process", "socket", "file", "descriptor", "taken"]


@dataclass(slots=True, eq=False)
class _Opened:
    """One thing that was opened or taken. ``lent`` is the call in a pool's thread that did so."""

    connection: int
    kind: Kind
    is_open: Callable[[], bool]
    what: Callable[[], str]
    stack: Stack
    through: Stack
    task: int
    lent: Future[Any] | None = None
    known_as: object = None
    """The descriptor, the process id, or a weak reference to the object."""
    pool: int = 0
    popen: weakref.ref[subprocess.Popen[Any]] | None = None
    signalled: bool = False
    killed: bool = False
    last: str = ""


@dataclass(slots=True, eq=False)
class _Asked:
    """A connection that waits for something of a pool, or was refused."""

    connection: int
    pool: int
    stack: Stack
    since: float


@dataclass(slots=True, eq=False)
class ResourceObserver:
    """Knows what connections open and take, for as long as it is entered. Only weak references are kept.

    ``started_at`` gives the user's frames that lent a call to a pool's thread. Child processes that
    are left are killed in the end: one for each client and case would be too many.
    """

    recorder: Recorder
    started_at: Callable[[Future[Any]], Stack]
    _opened: list[_Opened] = field(default_factory=list)
    _asked: list[_Asked] = field(default_factory=list)
    _places: dict[int, frozenset[tuple[Kind, Stack]]] = field(default_factory=dict)
    _watched_since: float = 0.0
    _openings: Openings | None = None
    rehearsing: bool = False
    """Clients come and leave before pools are made scarce: which ones they ask is remembered."""
    pooled: bool = False
    """Whether a connection has asked a pool that can be made scarce."""
    _lenders: dict[int, tuple[Adapter, object]] = field(default_factory=dict)
    _restores: list[Callable[[], None]] = field(default_factory=list)
    _scarce: bool = False

    def __enter__(self) -> Self:
        tempfile.gettempdir()  # from now on ``tempfile.tempdir`` is known
        self._openings = Openings(self)
        self._openings.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._openings is not None
        self._openings.__exit__(None, None, None)
        for item in self._opened:
            if item.kind == "process" and item.is_open():
                _kill(item)
            if item.killed:
                _reap(item)
        self._opened.clear()
        self._asked.clear()

    def _children(self) -> list[_Opened]:
        return [
            item
            for item in self._opened
            if item.kind == "process" and item.connection and item.is_open()
        ]

    async def end_children(self) -> None:
        """Kill the child processes that connections have left, while the event loop still runs."""
        children = self._children()
        for item in children:
            _kill(item)
        pause, turns = threading.Event(), _TURNS if children else 0
        while turns:
            pause.wait(_PAUSE)
            await asyncio.sleep(0)
            turns -= not any(item.is_open() for item in children)

    def look_after(self, loop: EventLoop) -> None:
        """See the descriptors that C code opens and gives to ``loop``."""
        for name in ("add_reader", "add_writer"):
            vars(loop)[name] = self._registering(getattr(loop, name))

    def _registering(self, register: Callable[..., None]) -> Callable[..., None]:
        def registers(fd: Any, callback: Any, *args: Any) -> None:
            register(fd, callback, *args)
            if isinstance(fd, int) and current_connection():
                self.registered(fd)

        return registers

    # --- what is opened

    def process(self, pid: int, popen: subprocess.Popen[Any] | None = None) -> None:
        """A child process was started."""
        known = None if popen is None else weakref.ref(popen)
        self._note(
            "process",
            lambda: _runs(pid, known),
            lambda: "child process",
            known_as=pid,
            popen=known,
        )

    def signalled(self, pid: int) -> None:
        """A signal was sent to a child process."""
        for item in self._opened:
            if item.kind == "process" and item.known_as == pid:
                item.signalled = True

    def socket(self, sock: socket.socket) -> None:
        """A socket was made. An event loop's own are open as long as it is, and its thread is what stays."""
        if makes_self_pipe(sys._getframe(1)):  # noqa: SLF001 - documented
            return
        known = weakref.ref(sock)

        def is_open() -> bool:
            sock = known()
            return sock is not None and sock.fileno() != -1

        def what() -> str:
            sock = known()
            return "socket" if sock is None else _peer(sock)

        self._note("socket", is_open, what, known_as=known)

    def file(self, file: Any, name: object) -> None:
        """A file was opened as ``name``, which is another descriptor's number if it takes that over."""
        if isinstance(name, int):
            self._is_new(name)
        if (known := _reference(file)) is None:
            return

        def is_open() -> bool:
            file = known()
            return file is not None and not file.closed

        what = _named(name)
        self._note("file", is_open, lambda: what, known_as=known)

    def descriptor(self, fd: int, what: str) -> None:
        """A descriptor was opened that is no object."""
        self._is_new(fd)
        identity = _identity(fd)
        if identity is not None:
            kind: Kind = "file" if "file" in what else "descriptor"
            self._note(kind, lambda: _identity(fd) == identity, lambda: what, known_as=fd)

    def _is_new(self, fd: int) -> None:
        """Forget the closed file that had the number ``fd`` before. (The kernel reuses inodes, too.)"""
        self._opened = [
            item for item in self._opened if item.known_as != fd or item.kind == "process"
        ]

    @staticmethod
    def named(path: object) -> str:
        """The file at ``path`` in a sentence."""
        return _named(path)

    def registered(self, fd: int) -> None:
        """Note a descriptor that the event loop was given; C code opened it if no known call did."""
        if any(_is_at(item, fd) for item in self._opened if item.is_open()):
            return
        identity = _identity(fd)
        if identity is not None and stat.S_ISSOCK(identity[2]):
            self._note(
                "socket",
                lambda: _identity(fd) == identity,
                lambda: _peer_of(fd),
                known_as=fd,
            )

    def asks(self, adapter: Adapter, pool: object) -> _Asked:
        """Note that the running code asks ``pool`` for a resource."""
        number = current_connection()
        if adapter.shrink is not None:
            self.pooled |= number > 0
            if self.rehearsing:
                self._lenders[id(pool)] = adapter, pool
        asked = _Asked(number, id(pool), self._stack() if number else (), self.recorder.now())
        if number:
            self._asked.append(asked)
        return asked

    def gave_up(self, asked: _Asked) -> None:
        """It was cancelled as it waited. In an instant that is no sign that there was nothing to have."""
        if asked in self._asked and self.recorder.now() - asked.since < _IN_VAIN:
            self._asked.remove(asked)

    def know_pools(self) -> None:
        """The application may have imported more libraries since this was entered."""
        assert self._openings is not None
        self._openings.know_pools()

    def make_scarce(self) -> None:
        """Limit each pool that the clients before have asked to one more resource.

        Resources that are out by now stay out: they may be the application's own.
        """
        self.rehearsing, self._scarce = False, True
        for adapter, pool in self._lenders.values():
            assert adapter.shrink is not None
            if (restore := adapter.shrink(pool)) is not None:
                self._restores.append(restore)
        self._lenders.clear()

    def make_plentiful(self) -> None:
        """Give the pools back what they had."""
        while self._restores:
            self._restores.pop()()

    def took(self, adapter: Adapter, pool: object, taken: Any, asked: _Asked) -> None:
        """``pool`` gave ``taken``."""
        if asked in self._asked:
            self._asked.remove(asked)
        # A resource that is taken again must have come back.
        self._opened = [
            item for item in self._opened if item.kind != "taken" or not _is(item, taken)
        ]
        self._note(
            "taken",
            adapter.is_out(pool, taken),
            lambda: adapter.what,
            known_as=_reference(taken),
            pool=id(pool),
        )

    def gave_back(self, taken: object) -> None:
        """``taken`` is back in its pool."""
        self._opened = [
            item for item in self._opened if item.kind != "taken" or not _is(item, taken)
        ]

    def _note(
        self,
        kind: Kind,
        is_open: Callable[[], bool],
        what: Callable[[], str],
        *,
        known_as: object,
        pool: int = 0,
        popen: weakref.ref[subprocess.Popen[Any]] | None = None,
    ) -> None:
        number = current_connection()
        if not number and kind != "process":
            return  # the session ends each process, started by the application or not
        stack = self._stack() if number else ()
        if len(self._opened) % _MANY == _MANY - 1:
            self._opened = [item for item in self._opened if item.is_open()]
        self._opened.append(
            _Opened(
                number,
                kind,
                is_open,
                what,
                stack,
                () if stack or not number else self.recorder.calling_packages(),
                _running_task(),
                None if stack else running_future(sys._getframe(1)),  # noqa: SLF001 - documented
                known_as,
                pool,
                popen,
            )
        )

    def _stack(self) -> Stack:
        return self.recorder.calling_stack() or self._of_parent_greenlets()

    def _of_parent_greenlets(self) -> Stack:
        """The user's frames that wait for the running greenlet: SQLAlchemy's is one for each call."""
        greenlet = sys.modules.get("greenlet")
        current = None if greenlet is None else greenlet.getcurrent().parent
        while current is not None:
            frame: FrameType | None = current.gr_frame
            if frame is not None and (stack := self.recorder.users_frames(frame)):
                return stack
            current = current.parent
        return ()

    # --- what is left

    async def settle(self, connection: int) -> None:
        """Give the child processes of ``connection`` some real time to end."""
        alive = list(self._processes(connection))
        if not alive:
            return
        began, pause, rests = time.monotonic(), threading.Event(), _Rests()
        while alive:
            now = time.monotonic()
            if now - began > _LONGEST or all(rests.stays(item, now) for item in alive):
                break
            pause.wait(_PAUSE)
            await asyncio.sleep(0)  # the loop may still have to handle the end of the process
            alive = [item for item in alive if item.is_open()]

    def _processes(self, connection: int) -> Iterator[_Opened]:
        for item in self._opened:
            if item.kind == "process" and item.connection == connection and item.is_open():
                yield item

    def first_look(self, connection: int, loop: EventLoop) -> None:
        """Record what ``connection`` has left open, if that is anything; it is watched from now on."""
        if self._left(connection):
            self.report(connection, loop)
            self._watched_since = loop.time()

    async def stays(self, connection: int, until: float, loop: EventLoop) -> bool:
        """Whether what was there at the first look is open for longer than an instant.

        It is watched until then (of the loop's time), and what there is in the end is recorded.
        """
        if connection not in self._places:
            return False
        if loop.clock == "wall":
            until = min(until, self._watched_since + _LONGEST_ON_THE_WALL)
        pause = _FIRST_LOOK
        while self._left(connection) and (left := until - loop.time()) > 0:
            await asyncio.sleep(min(pause, left))
            pause *= 4
        if loop.time() <= self._watched_since + _FIRST_LOOK:
            return False
        self.report(connection, loop)
        return True

    def report(
        self, connection: int, loop: EventLoop | None = None
    ) -> frozenset[tuple[Kind, Stack]]:
        """Record what ``connection`` has left open; what kinds of thing that is, and where opened.

        ``loop``: that of a connection which is known to have left something.
        """
        left = self._left(connection)
        recorder = self.recorder
        resources = tuple(self._described(item) for item in left)
        if resources or loop is not None:
            recorder.add(
                ResourcesLeft(
                    **recorder.here(),
                    connection=connection,
                    resources=resources,
                    timers=loop is not None
                    and has_timer(loop, lambda context: context.get(CONNECTION, 0) == connection),
                )
            )
        found = frozenset((item.kind, item.stack) for item in resources)
        self._places.setdefault(connection, found)
        return found

    def places(self, connection: int) -> frozenset[tuple[Kind, Stack]]:
        """What kinds of thing ``connection`` had left open when that was first recorded, and where opened."""
        return self._places.get(connection, frozenset())

    def _left(self, connection: int) -> list[_Opened]:
        if not any(item.connection == connection and item.is_open() for item in self._opened):
            return []
        gc.collect()  # this closes objects without a reference
        return [item for item in self._opened if item.connection == connection and item.is_open()]

    def _described(self, item: _Opened) -> LeftResource:
        item.last = item.what() or item.last
        stack = item.stack or (() if item.lent is None else self.started_at(item.lent))
        asked = [asked for asked in self._asked if asked.pool == item.pool]
        starved: Stack = next(
            (each.stack for each in asked if each.connection > item.connection), ()
        )
        if self._scarce and any(each.connection == item.connection for each in asked):
            starved = ()  # one is too few for a single client: that proves nothing
        return LeftResource(
            item.kind, item.last, stack, () if stack else item.through, item.task, starved
        )


class _Rests:
    """Which child processes are not about to end: they sleep, or go on and on.

    Wall time says little, for the machine may be busy: where the platform tells (Linux), it is what
    the process does itself that counts.
    """

    def __init__(self) -> None:
        self._first: dict[int, tuple[float, float]] = {}
        self._asleep: dict[int, tuple[float, float]] = {}

    def stays(self, item: _Opened, now: float) -> bool:
        """Whether that of ``item`` has had the time to end, and has not."""
        pid = item.known_as
        assert isinstance(pid, int)
        if item.signalled:
            return False
        asleep, used = _state(pid)
        began, used_then = self._first.setdefault(pid, (now, used))
        if used < 0:
            return now - began > _PATIENCE
        if not asleep or self._asleep.get(pid, (-1.0, now))[0] != used:
            self._asleep.pop(pid, None)
            if asleep:
                self._asleep[pid] = used, now
            return used - used_then > _PATIENCE
        return now - self._asleep[pid][1] > _NAP


def _state(pid: int) -> tuple[bool, float]:
    """Whether a process sleeps, and the processor time that it has used, in seconds; -1 if that is unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False, -1.0
    # The name of the program, in brackets, may have any letters in it (proc(5)).
    state, *fields = stat.rpartition(")")[2].split()
    return state == "S", sum(map(int, fields[10:12])) / os.sysconf("SC_CLK_TCK")


def _reference(thing: Any) -> weakref.ref[Any] | None:
    """A weak reference; None of what cannot have one: asyncpg's proxies, each of which is used once."""
    try:
        return weakref.ref(thing)
    except TypeError:
        return None


def _is(item: _Opened, thing: object) -> bool:
    return isinstance(item.known_as, weakref.ref) and item.known_as() is thing


def _is_at(item: _Opened, fd: int) -> bool:
    """Whether ``item`` has the descriptor ``fd``."""
    if item.known_as == fd:
        return True
    thing = item.known_as() if isinstance(item.known_as, weakref.ref) else None
    if item.kind not in {"socket", "file"} or thing is None:
        return False
    with contextlib.suppress(OSError, ValueError):
        return bool(thing.fileno() == fd)
    return False


def _running_task() -> int:
    """The number of the task that runs in this thread; 0 in one without an event loop."""
    try:
        return int(getattr(asyncio.current_task(), "wsdoctor_number", 0))
    except RuntimeError:
        return 0


def _identity(fd: int) -> tuple[int, int, int] | None:
    """What tells the thing that ``fd`` stands for from another one; None if it is closed."""
    try:
        found = os.fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino, stat.S_IFMT(found.st_mode)


def _peer_of(fd: int) -> str:
    try:
        with socket.socket(fileno=os.dup(fd)) as sock:
            return _peer(sock)
    except OSError:
        return ""


def _peer(sock: socket.socket) -> str:
    """``socket to 127.0.0.1:5432``; "" if that cannot be had any more."""
    with contextlib.suppress(OSError):
        if address := _address(sock.getpeername()):
            return f"socket to {address}"
        return "socket"
    with contextlib.suppress(OSError, AttributeError):
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and (
            address := _address(sock.getsockname())
        ):
            return f"socket that listens at {address}"
    return "socket"


def _address(name: object) -> str:
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    if isinstance(name, str):
        return name
    if isinstance(name, tuple) and len(name) >= 2:  # noqa: PLR2004 - host and port
        host = f"[{name[0]}]" if ":" in str(name[0]) else name[0]
        return f"{host}:{name[1]}"
    return ""


def _named(name: object) -> str:
    """A file in a sentence. The name of a temporary one is another each time."""
    try:
        path = Path(os.fsdecode(name)).absolute()  # type: ignore[arg-type]  # anything else raises
        # Not gettempdir(): the first call of that opens a file, while it holds a lock.
        if tempfile.tempdir and path.is_relative_to(Path(os.fsdecode(tempfile.tempdir)).absolute()):
            return "temporary file"
    except (TypeError, ValueError, OSError):
        return "file"
    return f"file {path.name}"


def _runs(pid: int, popen: weakref.ref[subprocess.Popen[Any]] | None) -> bool:
    """Whether the child process ``pid`` has not ended. It is not reaped: that is up to who started it."""
    process = None if popen is None else popen()
    if process is not None and process.returncode is not None:
        return False
    if hasattr(os, "waitid"):
        try:
            return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except OSError:  # other code has waited for it
            return False
    if sys.platform == "win32":
        return process is not None and process.poll() is None
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _kill(item: _Opened) -> None:
    assert isinstance(item.known_as, int)
    item.killed = True
    with contextlib.suppress(OSError):
        os.kill(item.known_as, getattr(signal, "SIGKILL", signal.SIGTERM))


def _reap(item: _Opened) -> None:
    """Wait for a child process that was killed, in the place of who started it."""
    assert isinstance(item.known_as, int)
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.waitpid(item.known_as, 0)
    process = None if item.popen is None else item.popen()
    if process is not None and process.returncode is None:
        process.returncode = -getattr(signal, "SIGKILL", signal.SIGTERM)

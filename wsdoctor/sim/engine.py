"""Engines: an event loop on a clock, over real loopback sockets or a network in memory.

The session is given an engine and asks nothing else about clocks and networks.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import Context, ContextVar, copy_context
from types import FrameType
from typing import Any, Literal, TypeVar, TypeVarTuple, cast

from wsdoctor.private.asyncio import (
    TellingEventLoop,
    end_is_awaited,
    pipes,
    self_pipe,
    set_clock_resolution,
    time_out_ends,
)
from wsdoctor.sim.clock import CountingSelector, VirtualSelector
from wsdoctor.sim.dates import DateTimers
from wsdoctor.sim.memory import MemorySelector, Network
from wsdoctor.sim.outside import Answer
from wsdoctor.sim.threads import calls, feeds

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
ProtocolT = TypeVar("ProtocolT", bound=asyncio.Protocol)

Clock = Literal["virtual", "wall"]
NetworkName = Literal["memory", "loopback"]


_WRAP_FUTURE = asyncio.wrap_future.__code__
_OURS = ("asyncio.", "wsdoctor.")


class _Ordered(TellingEventLoop):
    """A loop that tells in which context another thread has something run, and who makes a future."""

    ordered: Callable[[], None] = staticmethod(lambda: None)
    """Called in that thread, in the context that the callback is going to run in."""
    made: Callable[[asyncio.Future[Any], FrameType], None] = staticmethod(lambda *_: None)
    """Called with each future that other code than asyncio's makes, or that stands for a call in another
    thread, and the frame that does so."""
    timed: Callable[[asyncio.TimerHandle, FrameType], None] = staticmethod(lambda *_: None)
    """Called with each timer, and the frame that sets it."""

    def create_future(self) -> asyncio.Future[Any]:
        future = super().create_future()
        caller: FrameType | None = sys._getframe(1)  # noqa: SLF001 - documented
        assert caller is not None
        if caller.f_code is _WRAP_FUTURE:
            while caller is not None and caller.f_globals.get("__name__", "").startswith(_OURS):
                caller = caller.f_back
            if caller is not None:
                self.made(future, caller)
        elif not caller.f_globals.get("__name__", "").startswith("asyncio."):
            calls(caller.f_code.co_filename, future)
            self.made(future, caller)
        return future

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if context is None and _in_another_thread():
            context = copy_context()  # as asyncio does
            context.run(self.ordered)
        return super().call_soon_threadsafe(callback, *args, context=context)


def _in_another_thread() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False


class WallEventLoop(_Ordered):
    """asyncio's own selector loop on the wall clock; ``steps`` counts its iterations."""

    clock: Clock = "wall"

    def __init__(self) -> None:
        self._counting = CountingSelector()
        super().__init__(self._counting)

    @property
    def steps(self) -> int:
        return self._counting.polls

    def connection_ends(self) -> None:
        """As of a VirtualEventLoop; this clock jumps over no thread."""

    def give_up_threads(self, after: float) -> None:
        """As of a VirtualEventLoop; this clock does not wait for them."""

    def wait_for_answers(self, limit: float) -> None:
        """As of a VirtualEventLoop; this clock does not wait for them either."""

    def pass_time(self, until: float) -> None:
        """As of a VirtualEventLoop; on this clock time passes by itself."""

    def attentive(self) -> contextlib.AbstractContextManager[None]:
        """As of a VirtualEventLoop; this clock always keeps the pace of the wall."""
        return contextlib.nullcontext()

    def listen(self, *, send_buffer: int | None = None, joins: bool = True) -> socket.socket:
        """A bound loopback socket for the server; ``send_buffer`` bytes for each connection.

        ``joins``: with such a buffer, small segments are joined, so that more of them fit.
        """
        return _listen(send_buffer, joins=joins)

    async def connect(
        self, factory: Callable[[], ProtocolT], port: int, *, receive_buffer: int | None = None
    ) -> ProtocolT:
        """A client's protocol, connected to ``port``; raises OSError."""
        return await _connect(self, factory, port, receive_buffer)


class VirtualEventLoop(_Ordered):
    """asyncio's own selector loop, on a clock that jumps to the next timer instead of sleeping.

    ``time()`` is in virtual seconds from 0. Work that is handed to threads is waited for while
    the clock stands.
    """

    clock: Clock = "virtual"

    def __init__(self, selector: VirtualSelector | None = None) -> None:
        self._virtual = selector or VirtualSelector()
        super().__init__(self._virtual)
        set_clock_resolution(self, 1e-9)
        self._virtual.adopt(self_pipe(self))
        self._virtual.lent = lambda: self._lent
        self._virtual.told_of_writes = self.told_of_writes
        self._virtual.time_out_ends = self._time_out_ends
        self._lent = 0
        self._lending = 0
        self._owner: ContextVar[int] | None = None
        self._connection: ContextVar[int] | None = None
        self._ran = False
        self._dates = DateTimers()

    def time(self) -> float:
        return self._virtual.now

    @property
    def steps(self) -> int:
        return self._virtual.polls

    def watch(self, owner: ContextVar[int], before_poll: Callable[[], bool]) -> None:
        """Call ``before_poll`` before each poll, and let ``ran()`` tell of contexts with an owner.

        ``before_poll`` returns true if it did something to the network: the clock then stands
        still for this poll.
        """
        self._owner = owner
        self._virtual.before_poll = before_poll

    def unwatch(self, *, reverse: bool = False) -> None:
        """From now on nothing is called before a poll, and ``together`` counts.

        ``reverse`` serves sockets that are ready in the same poll in the other order: which comes
        first is chance on a real network.
        """
        self._owner = None
        self._virtual.before_poll = None
        self._virtual.together = 0
        self._virtual.reverse = reverse

    def own_time_outs(self, connection: ContextVar[int]) -> None:
        """Time-outs are the application's if they are set in a context with a ``connection``."""
        self._connection = connection

    def _time_out_ends(self) -> bool:
        return self._connection is not None and time_out_ends(self, self._connection)

    def wrote(self, descriptor: int) -> None:
        self._virtual.outside.wrote(descriptor, self._virtual.now)

    def started(self, transport: asyncio.SubprocessTransport, command: tuple[str, ...]) -> None:
        self._virtual.outside.started(
            command,
            pipes(transport),
            self._virtual.now,
            ended=lambda: transport.get_returncode() is not None,
            end_awaited=lambda: end_is_awaited(transport),
        )

    @contextlib.contextmanager
    def attentive(self) -> Iterator[None]:
        """A client waits for something: what comes from outside unasked keeps its pace."""
        self._virtual.outside.attentive += 1
        try:
            yield
        finally:
            self._virtual.outside.attentive -= 1

    def pass_time(self, until: float) -> None:
        """Let the running callback take until then, if that is later than now."""
        self._virtual.now = max(self._virtual.now, until)

    def wait_for_answers(self, limit: float) -> None:
        """Let an answer from outside take up to ``limit`` wall seconds."""
        self._virtual.outside.limit = limit

    def outside_is_over(self) -> None:
        """The observation ends: what is pending has no answer."""
        self._virtual.outside.over(self._virtual.now)

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The requests to outside whose answers took time."""
        return tuple(self._virtual.outside.answers)

    @property
    def waited(self) -> float:
        """Wall seconds for which threads were at work, or answers from outside pending."""
        return self._virtual.waited

    @property
    def streamed(self) -> bool:
        """Whether something came from outside unasked while the client waited."""
        return self._virtual.outside.streamed

    @property
    def by_date(self) -> str:
        """The name of a coroutine or callback that sets its timers by the date; "" if none was seen."""
        return self._dates.found

    def connection_ends(self) -> None:
        """Some other thread may have waited for this: the clock looks at all of them again."""
        self._virtual.connection_ends()

    def give_up_threads(self, after: float) -> None:
        """Let the clock wait for no thread, and no answer, when ``after`` wall seconds from now are over."""
        self._virtual.give_up_at = time.monotonic() + after
        self._virtual.outside.give_up_at = time.monotonic() + after

    @property
    def gave_up_threads(self) -> float | None:
        """When, in virtual seconds, it no longer waited for one, or for an answer; None if it always did."""
        return self._virtual.gave_up

    @property
    def together(self) -> int:
        """In how many polls since ``unwatch`` more than one socket was ready."""
        return self._virtual.together

    def ran(self) -> bool:
        """Whether code was scheduled, since the last call, in a context in which the owner is set."""
        ran, self._ran = self._ran, False
        return ran

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self._dates.set(callback, self._virtual.now, when)
        timer = super().call_at(when, callback, *args, context=context)
        self.timed(timer, sys._getframe(1))  # noqa: SLF001 - documented
        return timer

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if self._owner is not None and not self._ran:
            number = self._owner.get(0) if context is None else context.get(self._owner, 0)
            self._ran = bool(number)
        return super().call_soon(callback, *args, context=context)

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        feeds()
        return super().call_soon_threadsafe(callback, *args, context=context)

    @property
    def used_wall_time(self) -> bool:
        """True if real time was spent: threads of the app's own, or descriptors of its own."""
        return self._virtual.used_wall_time

    def listen(self, *, send_buffer: int | None = None, joins: bool = True) -> socket.socket:
        """A bound loopback socket for the server; ``send_buffer`` bytes for each connection.

        ``joins``: with such a buffer, small segments are joined, so that more of them fit.
        """
        sock = _listen(send_buffer, joins=joins)
        self._virtual.own_ports.add(sock.getsockname()[1])
        return sock

    async def connect(
        self, factory: Callable[[], ProtocolT], port: int, *, receive_buffer: int | None = None
    ) -> ProtocolT:
        """A client's protocol, connected to ``port``; raises OSError."""
        return await _connect(self, factory, port, receive_buffer)

    def run_in_executor(
        self,
        executor: concurrent.futures.Executor | None,
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._lent += 1
        future.add_done_callback(functools.partial(self._returned, self._lending))
        return future

    def give_up_lent(self) -> None:
        """Wait no longer for the calls that other threads have been given so far."""
        self._lent = 0
        self._lending += 1

    def _returned(self, lending: int, _future: asyncio.Future[Any]) -> None:
        if lending == self._lending:
            self._lent -= 1


class MemoryEventLoop(VirtualEventLoop):
    """A VirtualEventLoop whose connections between its own server and clients need no kernel.

    What the application opens by itself goes over real sockets, as ever.
    """

    def __init__(self) -> None:
        self._network = Network()
        super().__init__(MemorySelector(self._network))

    def listen(
        self,
        *,
        send_buffer: int | None = None,
        joins: bool = True,  # noqa: ARG002 - there are no segments
    ) -> socket.socket:
        return cast("socket.socket", self._network.listen(send_buffer=send_buffer))

    async def connect(
        self, factory: Callable[[], ProtocolT], port: int, *, receive_buffer: int | None = None
    ) -> ProtocolT:
        sock = cast("socket.socket", self._network.connect(port, receive_buffer=receive_buffer))
        _, protocol = await self.create_connection(factory, sock=sock)
        return protocol


EventLoop = WallEventLoop | VirtualEventLoop


def new_event_loop(clock: Clock, network: NetworkName = "memory") -> EventLoop:
    """A new loop on ``clock``; the wall clock always has real loopback sockets beneath it."""
    if clock == "wall":
        return WallEventLoop()
    return MemoryEventLoop() if network == "memory" else VirtualEventLoop()


def _tcp_socket() -> socket.socket:
    """A socket on which asyncio sets TCP_NODELAY, as on those that it accepts: it looks for the protocol.

    Otherwise Nagle's algorithm holds a second small write back for as long as the peer delays its
    acknowledgement: 40 milliseconds of the wall clock, in which a virtual one jumps by seconds.
    """
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)


def _listen(send_buffer: int | None, *, joins: bool) -> socket.socket:
    if send_buffer is None or not joins:
        sock = _tcp_socket()
    else:
        # The kernel charges such a buffer some 600 bytes for the upkeep of every small segment: a
        # dozen of messages would fill it. So here Nagle's algorithm may join them.
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if send_buffer is not None:
        # Accepted sockets inherit the buffer sizes of the listening one.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


async def _connect(
    loop: asyncio.AbstractEventLoop,
    factory: Callable[[], ProtocolT],
    port: int,
    receive_buffer: int | None,
) -> ProtocolT:
    sock = _tcp_socket()
    try:
        if receive_buffer is not None:
            # Before connect(): the window scale is settled in the TCP handshake.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", port))
        _, protocol = await loop.create_connection(factory, sock=sock)
    except BaseException:
        sock.close()
        raise
    return protocol

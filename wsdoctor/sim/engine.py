"""Engines: an event loop on a clock, over real loopback sockets or a network in memory.

The session is given an engine and asks nothing else about clocks and networks.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import socket
import time
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from typing import Any, Literal, TypeVar, TypeVarTuple, cast

from wsdoctor.sim.clock import CountingSelector, VirtualSelector
from wsdoctor.sim.memory import MemorySelector, Network
from wsdoctor.sim.private import self_pipe, set_clock_resolution
from wsdoctor.sim.threads import feeds

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
ProtocolT = TypeVar("ProtocolT", bound=asyncio.Protocol)

Clock = Literal["virtual", "wall"]
NetworkName = Literal["memory", "loopback"]


class _Ordered(asyncio.SelectorEventLoop):
    """A loop that tells in which context another thread has something run."""

    ordered: Callable[[], None] = staticmethod(lambda: None)
    """Called in that thread, in the context that the callback is going to run in."""

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
        self._lent = 0
        self._lending = 0
        self._owner: ContextVar[int] | None = None
        self._ran = False

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

    def connection_ends(self) -> None:
        """Some other thread may have waited for this: the clock looks at all of them again."""
        self._virtual.connection_ends()

    def give_up_threads(self, after: float) -> None:
        """Let the clock wait for no thread any more when ``after`` wall seconds from now are over."""
        self._virtual.give_up_at = time.monotonic() + after

    @property
    def gave_up_threads(self) -> float | None:
        """When, in virtual seconds, there was one and it no longer waited; None if there was none."""
        return self._virtual.gave_up

    @property
    def together(self) -> int:
        """In how many polls since ``unwatch`` more than one socket was ready."""
        return self._virtual.together

    def ran(self) -> bool:
        """Whether code was scheduled, since the last call, in a context in which the owner is set."""
        ran, self._ran = self._ran, False
        return ran

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

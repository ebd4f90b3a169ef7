"""An in-memory network: socket objects beneath asyncio's own selector transports.

Server, protocol and transport code are the real ones; this module replaces only the kernel. It imitates
everything that a program can notice: bounded buffers, end of stream, half-close, reset, and the order in
which epoll reports ready sockets. The behaviour is that of TCP on Linux (RFC 9293; ``tcp_reset`` and
``tcp_close`` for the error codes), and ``tests/sim`` compares it with real sockets.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import struct
from collections import ChainMap, deque
from collections.abc import Iterable, Mapping
from typing import Any

from wsdoctor.sim.clock import VirtualSelector

_FIRST_DESCRIPTOR = 1 << 30
"""Descriptors from here on are ours; no kernel hands out such numbers."""

_CAPACITY = 1 << 18
"""Bytes that one direction of a connection holds before a sender must wait."""

_WINDOW = 1 << 16
"""Bytes that a receiver's kernel takes before the first are read (half of ``tcp_rmem``'s default).

The rest of a larger write waits in the sender's kernel until the receiver announces more room: after
the first part was read, or with its next segment. Otherwise one ``recv`` does not get everything, and a
receiver that closes after it leaves data unread.
"""

_FIRST_PORT = 40_000


class Network:
    """Every socket of one simulation, and the list of those that may be ready."""

    def __init__(self) -> None:
        self.sockets: dict[int, MemorySocket] = {}
        self._descriptor = _FIRST_DESCRIPTOR
        self._port = _FIRST_PORT
        self._listeners: dict[int, MemorySocket] = {}
        self._ready: dict[int, None] = {}
        self._interests: dict[int, selectors.SelectorKey] = {}

    # --- sockets

    def listen(self, *, send_buffer: int | None = None) -> MemorySocket:
        """A bound socket for a server; connections to it hold ``send_buffer`` bytes each way."""
        self._port += 1
        sock = MemorySocket(self, ("127.0.0.1", self._port), capacity=send_buffer or _CAPACITY)
        self._listeners[self._port] = sock
        return sock

    def connect(self, port: int, *, receive_buffer: int | None = None) -> MemorySocket:
        """A socket that is connected to the listener at ``port``. Raises ConnectionRefusedError."""
        listener = self._listeners.get(port)
        if listener is None or not listener.accepting:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        self._port += 1
        ours = ("127.0.0.1", self._port)
        client = MemorySocket(
            self, ours, listener.getsockname(), capacity=receive_buffer or _CAPACITY
        )
        server = MemorySocket(self, listener.getsockname(), ours, capacity=listener.capacity)
        client.peer, server.peer = server, client
        listener.queue.append(server)
        self.wake(listener)
        return client

    def add(self, sock: MemorySocket) -> int:
        self._descriptor += 1
        self.sockets[self._descriptor] = sock
        return self._descriptor

    def remove(self, sock: MemorySocket) -> None:
        self.sockets.pop(sock.descriptor, None)
        self._ready.pop(sock.descriptor, None)
        self._interests.pop(sock.descriptor, None)
        if self._listeners.get(sock.getsockname()[1]) is sock:
            del self._listeners[sock.getsockname()[1]]

    # --- readiness, as epoll keeps it

    def watch(self, key: selectors.SelectorKey) -> None:
        """Report the socket of ``key`` when it is ready for ``key.events``."""
        self._interests[key.fd] = key
        self._ready.setdefault(key.fd)

    def forget(self, descriptor: int) -> None:
        self._interests.pop(descriptor, None)
        self._ready.pop(descriptor, None)

    def wake(self, sock: MemorySocket) -> None:
        """Something happened to ``sock``: it is looked at in the next poll, after those before it."""
        if sock.descriptor in self._interests:
            self._ready.setdefault(sock.descriptor)

    def poll(self) -> list[tuple[selectors.SelectorKey, int]]:
        """The ready sockets, in the order in which they became ready. Level-triggered: they stay listed."""
        found: list[tuple[selectors.SelectorKey, int]] = []
        for descriptor in list(self._ready):
            key = self._interests[descriptor]
            events = self.sockets[descriptor].events() & key.events
            del self._ready[descriptor]
            if events:
                self._ready[descriptor] = None
                found.append((key, events))
        return found


class MemorySocket:
    """As much of a non-blocking TCP ``socket.socket`` as asyncio's selector transports use."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM
    proto = socket.IPPROTO_TCP

    def __init__(
        self,
        network: Network,
        name: tuple[str, int],
        peer_name: tuple[str, int] | None = None,
        *,
        capacity: int,
    ) -> None:
        self._network = network
        self._name = name
        self._peer_name = peer_name
        self.capacity = capacity
        self.peer: MemorySocket | None = None
        self.accepting = False
        self.queue: deque[MemorySocket] = deque()
        self._inbox = bytearray()
        self._arrived = 0
        """How much of it can be read; the rest is still with the sender."""
        self._ended = False
        """The peer has shut its write side down (FIN)."""
        self._shut = False
        """This side has."""
        self._reset = False
        self._error = 0
        self._linger: bytes | None = None
        self.closed = False
        self.descriptor = network.add(self)

    # --- what asyncio asks of any socket

    def fileno(self) -> int:
        return -1 if self.closed else self.descriptor

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the signature of socket.socket
        pass

    def gettimeout(self) -> float:
        return 0.0

    def getsockname(self) -> tuple[str, int]:
        return self._name

    def getpeername(self) -> tuple[str, int]:
        if self._peer_name is None or self._reset:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return self._peer_name

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        if level == socket.SOL_SOCKET and option == socket.SO_LINGER and isinstance(value, bytes):
            self._linger = value

    def getsockopt(self, level: int, option: int, _size: int = 0) -> int:
        if level == socket.SOL_SOCKET and option == socket.SO_ERROR:
            error, self._error = self._error, 0
            return error
        return 0

    # --- a listener

    def listen(self, _backlog: int = 128) -> None:
        self.accepting = True

    def accept(self) -> tuple[MemorySocket, tuple[str, int]]:
        if not self.queue:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        sock = self.queue.popleft()
        return sock, sock._peer_name or ("", 0)  # noqa: SLF001 - of our own class

    # --- a connection

    def recv(self, size: int, _flags: int = 0) -> bytes:
        """The received bytes, up to ``size``; ``b""`` at the end of the stream."""
        self._check_open()
        if self._inbox:
            data = bytes(self._inbox[: min(size, self._arrived)])
            del self._inbox[: len(data)]
            self._arrived = max(self._arrived - len(data), self._window())
            if self.peer is not None:
                self._network.wake(self.peer)
            return data
        if self._ended:
            return b""  # a FIN outlasts the reset that comes after it (SOCK_DONE, tcp_recvmsg)
        self._raise_error()
        if self._reset:
            return b""
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def recv_into(self, buffer: Any, size: int = 0) -> int:
        data = self.recv(size or len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def send(self, data: bytes | bytearray | memoryview, _flags: int = 0) -> int:
        """How many bytes were taken."""
        self._check_open()
        self._raise_error()
        peer = self.peer
        if self._shut or self._reset or peer is None:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        if peer.closed:
            # The kernel takes it; the answer is a reset.
            self._receive_reset()
            return len(data)
        taken = min(len(data), self._room())
        if not taken and len(data):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        peer._inbox += data[:taken]  # noqa: SLF001 - of our own class
        peer._arrived = max(peer._arrived, peer._window())  # noqa: SLF001 - of our own class
        if self._arrived:
            self._arrived = min(len(self._inbox), self._arrived + self._window())
        self._network.wake(peer)
        return taken

    def sendmsg(self, buffers: Iterable[bytes | bytearray | memoryview]) -> int:
        return self.send(b"".join(buffers))

    def shutdown(self, how: int) -> None:
        """End the write side (FIN). Raises OSError on a connection that was reset."""
        self._check_open()
        if self._reset or self.peer is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        if how != socket.SHUT_RD and not self._shut:
            self._shut = True
            self.peer._receive_end()  # noqa: SLF001 - of our own class

    def close(self) -> None:
        """Close; with SO_LINGER 0, or with data that was never read, by a reset."""
        if self.closed:
            return
        peer = self.peer
        if peer is not None and not peer.closed and not self._reset:
            if self._inbox or (
                self._linger is not None and struct.unpack("ii", self._linger) == (1, 0)
            ):
                peer._receive_reset()  # noqa: SLF001 - of our own class
            elif not self._shut:
                peer._receive_end()  # noqa: SLF001 - of our own class
        for waiting in self.queue:
            waiting._linger = struct.pack("ii", 1, 0)  # noqa: SLF001 - a listener resets whom it never accepted
            waiting.close()
        self._network.remove(self)
        self.closed = True

    def events(self) -> int:
        """What the socket is ready for, as epoll sees it: an error is ready for everything."""
        if self.closed:
            return 0
        if self.accepting:
            return selectors.EVENT_READ if self.queue else 0
        ready = 0
        if self._inbox or self._ended or self._reset or self._error:
            ready |= selectors.EVENT_READ
        if self._shut or self._reset or self._error or self._room() * 3 >= self._room_in_all():
            ready |= selectors.EVENT_WRITE
        return ready

    def _room_in_all(self) -> int:
        return self.capacity + (self.peer.capacity if self.peer else 0)

    def _room(self) -> int:
        """Bytes that may be under way to the peer: what both kernels would buffer."""
        peer = self.peer
        return 0 if peer is None else self._room_in_all() - len(peer._inbox)  # noqa: SLF001 - of our own class

    def _window(self) -> int:
        """Bytes that can be read, of what is under way, once the sender knows of the room."""
        return min(len(self._inbox), self.capacity, _WINDOW)

    def _receive_end(self) -> None:
        self._ended = True
        self._network.wake(self)

    def _receive_reset(self) -> None:
        # After a FIN of the peer's the kernel reports EPIPE, else ECONNRESET (tcp_reset).
        self._error = errno.EPIPE if self._ended else errno.ECONNRESET
        self._reset = True
        self._network.wake(self)

    def _raise_error(self) -> None:
        if self._error:
            error, self._error = self._error, 0
            raise OSError(error, os.strerror(error))

    def _check_open(self) -> None:
        if self.closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))


class MemorySelector(VirtualSelector):
    """A VirtualSelector that also knows the sockets of ``network``."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._network = network
        self._keys: dict[int, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if fileobj not in self._network.sockets:
            return super().register(fileobj, events, data)
        key = selectors.SelectorKey(fileobj, fileobj, events, data)
        self._keys[fileobj] = key
        self._network.watch(key)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return (
            self.register(fileobj, events, data)
            if fileobj in self._keys
            else super().modify(fileobj, events, data)
        )

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self._keys.pop(fileobj, None)
        if key is None:
            return super().unregister(fileobj)
        self._network.forget(fileobj)
        return key

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys[fileobj] if fileobj in self._keys else super().get_key(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        # Not a copy of the second: asyncio (3.13) asks it for a socket, and it knows descriptors.
        return ChainMap(self._keys, super().get_map())  # type: ignore[arg-type]  # neither is written to

    def _poll(self) -> list[tuple[selectors.SelectorKey, int]]:
        if ready := self._network.poll():
            # The kernel is asked as well only where it has something to tell.
            return ready + super()._poll() if self.outside else ready
        return super()._poll()

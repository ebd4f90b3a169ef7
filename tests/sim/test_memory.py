"""The network in memory, held to the kernel's: the same calls on both, with the same outcomes.

Each script is a list of calls on the two ends of one connection; what each call gives, or which
error it raises, and what a selector reports afterwards, must be the same on real loopback sockets.
"""

from __future__ import annotations

import asyncio
import errno
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.sim.loops import run
from wsdoctor.sim.engine import MemoryEventLoop, VirtualEventLoop
from wsdoctor.sim.memory import MemorySelector, Network

linux = pytest.mark.skipif(sys.platform != "linux", reason="what is held to is Linux's TCP")

CLIENT, SERVER = "client", "server"
_RESET = struct.pack("ii", 1, 0)


class Pair:
    """The two ends of one connection, and what a selector says of them."""

    def __init__(
        self, client: Any, server: Any, selector: selectors.BaseSelector, pause: float
    ) -> None:
        self._ends = {CLIENT: client, SERVER: server}
        self._selector = selector
        self._pause = pause

    def do(self, end: str, call: str, *arguments: Any) -> object:
        """The outcome of one call: what it returns, or the name of the error."""
        sock = self._ends[end]
        steps: dict[str, Callable[..., object]] = {
            "abort": self._abort,
            "ready": self._ready,
            "error": lambda s: errno.errorcode.get(
                s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0
            ),
            "fill": self._fill,
            "drain": self._drain,
            "all": lambda s, size: len(s.recv(1 << 20)) == size,
            "peer": lambda s: (
                s.getpeername() == self._ends[SERVER if end == CLIENT else CLIENT].getsockname()
            ),
        }
        try:
            if call in steps:
                return steps[call](sock, *arguments)
            return getattr(sock, call)(*arguments)
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        finally:
            time.sleep(self._pause)

    @staticmethod
    def _abort(sock: Any) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        sock.close()

    def _ready(self, sock: Any) -> str:
        key = self._selector.register(sock.fileno(), selectors.EVENT_READ | selectors.EVENT_WRITE)
        try:
            found = sum(events for ready, events in self._selector.select(0) if ready.fd == key.fd)
        finally:
            self._selector.unregister(sock.fileno())
        return {0: "", 1: "r", 2: "w", 3: "rw"}[found]

    def _fill(self, sock: Any) -> str:
        """Send until nothing is taken any more; how much that was is the kernel's business."""
        for _ in range(10_000):
            try:
                sock.send(bytes(65536))
            except BlockingIOError:
                time.sleep(self._pause)
                if not self._writable(sock):
                    return "full"
        return "never full"

    def _writable(self, sock: Any) -> bool:
        return "w" in self._ready(sock)

    def _drain(self, sock: Any) -> str:
        while True:
            try:
                if not sock.recv(1 << 20):
                    return "end"
            except BlockingIOError:
                time.sleep(self._pause)
                if "r" not in self._ready(sock):
                    return "empty"

    def close(self) -> None:
        for sock in self._ends.values():
            sock.close()
        self._selector.close()


def kernel() -> Pair:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    for sock in (client, server):
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Pair(client, server, selectors.DefaultSelector(), pause=0.001)


class _Polls(MemorySelector):
    """A look at the network in memory, without a clock."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return self._network.poll()


def memory() -> Pair:
    network = Network()
    listener = network.listen()
    listener.listen()
    client = network.connect(listener.getsockname()[1])
    server, address = listener.accept()
    assert address == client.getsockname()
    return Pair(client, server, _Polls(network), pause=0)


GREETING: list[tuple[Any, ...]] = [
    (CLIENT, "send", b"hello"),
    (SERVER, "recv", 10),
    (SERVER, "send", b"hello"),
    (CLIENT, "recv", 10),
]
"""What a WebSocket begins with, too. Without it Linux takes a first message of any size at once."""

SCRIPTS: dict[str, list[tuple[Any, ...]]] = {
    "bytes arrive in order, and in the pieces that are asked for": [
        (CLIENT, "send", b"abc"),
        (CLIENT, "send", b"def"),
        (SERVER, "ready"),
        (SERVER, "recv", 4),
        (SERVER, "recv", 4),
        (SERVER, "ready"),
        (SERVER, "recv", 4),
    ],
    "nothing there": [
        (CLIENT, "recv", 1),
        (CLIENT, "ready"),
        (SERVER, "ready"),
        (CLIENT, "peer"),
        (SERVER, "peer"),
    ],
    "half-close: the other direction goes on": [
        (CLIENT, "shutdown", socket.SHUT_WR),
        (SERVER, "ready"),
        (SERVER, "recv", 1),
        (SERVER, "recv", 1),
        (SERVER, "send", b"late"),
        (CLIENT, "recv", 10),
        (CLIENT, "send", b"x"),
        (CLIENT, "ready"),
    ],
    "half-close after data: the data first": [
        (CLIENT, "send", b"abc"),
        (CLIENT, "shutdown", socket.SHUT_WR),
        (SERVER, "recv", 10),
        (SERVER, "recv", 10),
    ],
    "both have shut down": [
        (CLIENT, "shutdown", socket.SHUT_WR),
        (SERVER, "shutdown", socket.SHUT_WR),
        (CLIENT, "ready"),
        (SERVER, "ready"),
        (CLIENT, "recv", 1),
        (SERVER, "recv", 1),
        (SERVER, "send", b"x"),
    ],
    "close: the end of the stream": [
        (CLIENT, "close"),
        (SERVER, "ready"),
        (SERVER, "recv", 1),
        (SERVER, "recv", 1),
    ],
    "sending to one that closed: taken, and then refused": [
        (CLIENT, "close"),
        (SERVER, "send", b"x"),
        (SERVER, "ready"),
        (SERVER, "send", b"y"),
        (SERVER, "send", b"z"),
        (SERVER, "recv", 1),
    ],
    "sending to one that closed, then reading": [
        (CLIENT, "close"),
        (SERVER, "send", b"x"),
        (SERVER, "recv", 1),
        (SERVER, "recv", 1),
        (SERVER, "send", b"y"),
    ],
    "sending to one that closed, after its end was read": [
        (CLIENT, "close"),
        (SERVER, "recv", 1),
        (SERVER, "send", b"x"),
        (SERVER, "recv", 1),
        (SERVER, "send", b"y"),
        (SERVER, "shutdown", socket.SHUT_WR),
    ],
    "a reset, read": [
        (CLIENT, "abort"),
        (SERVER, "ready"),
        (SERVER, "recv", 1),
        (SERVER, "recv", 1),
        (SERVER, "send", b"x"),
        (SERVER, "ready"),
    ],
    "a reset, written to": [
        (CLIENT, "abort"),
        (SERVER, "send", b"x"),
        (SERVER, "send", b"x"),
        (SERVER, "recv", 1),
    ],
    "a reset, asked for": [
        (CLIENT, "abort"),
        (SERVER, "error"),
        (SERVER, "error"),
        (SERVER, "recv", 1),
    ],
    "a reset: no peer any more": [
        (CLIENT, "abort"),
        (SERVER, "peer"),
        (SERVER, "shutdown", socket.SHUT_WR),
        (SERVER, "recv", 1),
    ],
    "a reset after data": [
        (CLIENT, "send", b"abc"),
        (CLIENT, "abort"),
        (SERVER, "ready"),
        (SERVER, "recv", 2),
        (SERVER, "recv", 2),
        (SERVER, "recv", 2),
        (SERVER, "recv", 2),
    ],
    "a reset after a half-close": [
        (CLIENT, "shutdown", socket.SHUT_WR),
        (CLIENT, "abort"),
        (SERVER, "ready"),
        (SERVER, "recv", 1),
        (SERVER, "send", b"x"),
        (SERVER, "send", b"x"),
    ],
    "closed with data that was never read: a reset": [
        (SERVER, "send", b"unread"),
        (CLIENT, "close"),
        (SERVER, "ready"),
        (SERVER, "recv", 1),
        (SERVER, "recv", 1),
    ],
    "the reset of one that had shut down": [
        (SERVER, "shutdown", socket.SHUT_WR),
        (CLIENT, "abort"),
        (SERVER, "recv", 1),
        (SERVER, "send", b"x"),
    ],
    "a full connection takes nothing, an emptied one does": [
        (CLIENT, "fill"),
        (CLIENT, "ready"),
        (CLIENT, "send", b"x"),
        (SERVER, "drain"),
        (CLIENT, "ready"),
        (CLIENT, "send", b"x"),
    ],
    "a full connection, reset by the one that does not read": [
        (CLIENT, "fill"),
        (SERVER, "close"),
        (CLIENT, "ready"),
        (CLIENT, "send", b"x"),
        (CLIENT, "send", b"x"),
    ],
    "a full connection, ended by the one that does not read": [
        (CLIENT, "fill"),
        (SERVER, "shutdown", socket.SHUT_WR),
        (CLIENT, "ready"),
        (CLIENT, "recv", 1),
    ],
    "a large message comes in parts": [
        *GREETING,
        (CLIENT, "send", bytes(70_000)),
        (SERVER, "all", 70_000),
        (SERVER, "drain"),
    ],
    "a large message comes at once if its receiver has sent something meanwhile": [
        *GREETING,
        (CLIENT, "send", bytes(70_000)),
        (SERVER, "send", b"x"),
        (SERVER, "all", 70_000),
        (CLIENT, "recv", 10),
    ],
    "closed after the first part of a large message: a reset": [
        *GREETING,
        (CLIENT, "send", bytes(70_000)),
        (SERVER, "all", 70_000),
        (SERVER, "close"),
        (CLIENT, "ready"),
        (CLIENT, "recv", 1),
        (CLIENT, "recv", 1),
    ],
    "calls on a closed one": [
        (CLIENT, "close"),
        (CLIENT, "fileno"),
        (CLIENT, "recv", 1),
        (CLIENT, "send", b"x"),
        (CLIENT, "shutdown", socket.SHUT_WR),
        (CLIENT, "close"),
    ],
}


def _play(pair: Pair, script: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    try:
        for step in script:
            yield (*step, "->", pair.do(*step))
    finally:
        pair.close()


@linux
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=list(SCRIPTS))
def test_the_same_calls_have_the_same_outcomes(script):
    assert list(_play(memory(), script)) == list(_play(kernel(), script))


def test_a_port_without_a_listener_refuses():
    network = Network()
    with pytest.raises(ConnectionRefusedError):
        network.connect(80)
    listener = network.listen()
    port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        network.connect(port)  # bound, and not listening yet
    listener.listen()
    network.connect(port)
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        network.connect(port)


def test_a_listener_that_closes_resets_whom_it_never_accepted():
    network = Network()
    listener = network.listen()
    listener.listen()
    client = network.connect(listener.getsockname()[1])
    listener.close()
    with pytest.raises(ConnectionResetError):
        client.recv(1)


@pytest.mark.parametrize("reverse", [False, True])
def test_what_became_ready_first_is_reported_first_unless_reversed(reverse):
    network = Network()
    selector = MemorySelector(network)
    selector.reverse = reverse
    listener = network.listen()
    listener.listen()
    clients = [network.connect(listener.getsockname()[1]) for _ in range(3)]
    servers = [listener.accept()[0] for _ in range(3)]
    for server in servers:
        selector.register(server.fileno(), selectors.EVENT_READ)
    assert selector.select(0) == []
    for index in (2, 0, 1):
        clients[index].send(b"x")
    order = [servers[index].fileno() for index in (2, 0, 1)]
    if reverse:
        order.reverse()
    assert [key.fd for key, _ in selector.select(0)] == order
    assert selector.together == 1
    selector.close()


def test_small_buffers_fill_soon():
    network = Network()
    listener = network.listen(send_buffer=4096)
    listener.listen()
    client = network.connect(listener.getsockname()[1], receive_buffer=4096)
    server, _ = listener.accept()
    assert server.send(bytes(100_000)) == 8192
    with pytest.raises(BlockingIOError):
        server.send(b"x")
    # What the receiver's kernel has, and then what the sender's had kept.
    assert len(client.recv(100_000)) == 4096
    assert len(client.recv(100_000)) == 4096


class Journal(asyncio.Protocol):
    """Writes down what its transport tells it."""

    def __init__(self, name: str, entries: list[tuple[object, ...]]) -> None:
        self._name = name
        self._entries = entries
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        assert transport.get_extra_info("peername") is not None
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._entries.append((self._name, "data", data))

    def eof_received(self) -> bool:
        self._entries.append((self._name, "eof"))
        return self._name == CLIENT

    def pause_writing(self) -> None:
        self._entries.append((self._name, "pause"))

    def resume_writing(self) -> None:
        self._entries.append((self._name, "resume"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._entries.append((self._name, "lost", type(exc).__name__))


async def _converse(
    act: Callable[[asyncio.Transport, asyncio.Transport], None],
) -> list[tuple[object, ...]]:
    """The calls of both sides' protocols after ``act(client, server)``."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualEventLoop)
    entries: list[tuple[object, ...]] = []
    servers: list[Journal] = []

    def accept() -> Journal:
        servers.append(Journal(SERVER, entries))
        return servers[-1]

    sock = loop.listen(send_buffer=4096)
    listener = await loop.create_server(accept, sock=sock)
    client = await loop.connect(
        lambda: Journal(CLIENT, entries), sock.getsockname()[1], receive_buffer=4096
    )
    await asyncio.sleep(1)
    server = servers[0]
    assert client.transport is not None
    assert server.transport is not None
    act(client.transport, server.transport)
    await asyncio.sleep(1)
    entries.append(("then",))
    for transport in (client.transport, server.transport):
        transport.close()
    await asyncio.sleep(1)
    for transport in (client.transport, server.transport):
        transport.abort()
    listener.close()
    await asyncio.sleep(1)
    return entries


def _reset(client: asyncio.Transport, _server: asyncio.Transport) -> None:
    client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    client.abort()


def _reset_after_data(client: asyncio.Transport, server: asyncio.Transport) -> None:
    client.write(b"last words")
    _reset(client, server)


def _both_talk(client: asyncio.Transport, server: asyncio.Transport) -> None:
    client.write(b"from the client")
    server.write(b"from the server")


def _half_close(client: asyncio.Transport, server: asyncio.Transport) -> None:
    client.write_eof()
    server.write(b"into the half-closed")


def _close_and_write(client: asyncio.Transport, server: asyncio.Transport) -> None:
    client.close()
    server.write(b"one")
    server.write(b"two")


def _stall(client: asyncio.Transport, server: asyncio.Transport) -> None:
    client.pause_reading()
    server.set_write_buffer_limits(high=4096)
    for _ in range(100):
        server.write(bytes(65536))


def _stall_and_reset(client: asyncio.Transport, server: asyncio.Transport) -> None:
    _stall(client, server)
    _reset(client, server)


@pytest.mark.parametrize(
    "act",
    [
        _reset,
        _reset_after_data,
        _both_talk,
        _half_close,
        _close_and_write,
        _stall,
        _stall_and_reset,
    ],
)
def test_asyncios_transports_tell_the_same_over_both_networks(act):
    over_memory, _ = run(_converse(act), MemoryEventLoop())
    over_kernel, _ = run(_converse(act), VirtualEventLoop())
    assert over_memory == over_kernel

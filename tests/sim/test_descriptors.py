"""Descriptors that are not of wsdoctor's own network: real time is spent on them before a jump."""

from __future__ import annotations

import _thread
import asyncio
import socket
import sys
import threading
import time

import pytest

from tests.sim.loops import run, stopwatch
from wsdoctor.sim.engine import MemoryEventLoop, VirtualEventLoop

LATE = 0.02
"""Real seconds after which the other side answers: less than is waited for a silent descriptor."""

both_networks = pytest.mark.parametrize("make", [VirtualEventLoop, MemoryEventLoop])


def _answer_late(sock: socket.socket, times: int) -> threading.Thread:
    def serve() -> None:
        with sock:
            for _ in range(times):
                data = sock.recv(100)
                time.sleep(LATE)
                sock.sendall(data.upper())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


@both_networks
def test_a_peer_in_another_thread_is_served_within_a_virtual_timeout(make):
    async def main() -> list[bytes]:
        ours, theirs = socket.socketpair()
        thread = _answer_late(theirs, 3)
        reader, writer = await asyncio.open_connection(sock=ours)
        lines = []
        async with asyncio.timeout(1):
            for word in (b"one\n", b"two\n", b"three\n"):
                writer.write(word)
                lines.append(await reader.readline())
        writer.close()
        await writer.wait_closed()
        thread.join()
        return lines

    with stopwatch() as watch:
        lines, loop = run(main(), make())
    assert lines == [b"ONE\n", b"TWO\n", b"THREE\n"]
    assert watch.seconds >= 3 * LATE
    assert loop.used_wall_time


@both_networks
def test_a_silent_descriptor_is_not_waited_for_for_ever(make):
    """A database connection that has nothing to say costs a little once, not at each timer."""

    async def main() -> None:
        ours, theirs = socket.socketpair()
        _, writer = await asyncio.open_connection(sock=ours)
        for _ in range(200):
            await asyncio.sleep(10)
        theirs.close()
        writer.close()
        await writer.wait_closed()

    with stopwatch() as watch:
        _, loop = run(main(), make())
    assert loop.ended == pytest.approx(2000, abs=0.1)
    assert watch.seconds < 1


@both_networks
def test_a_foreign_descriptor_that_is_all_there_is_is_waited_for_however_long_it_takes(make):
    """Without a timer there is nothing to jump to, and no deadlock either."""
    later = 0.3

    async def main() -> bytes:
        ours, theirs = socket.socketpair()

        def speak() -> None:
            time.sleep(later)
            theirs.sendall(b"x")
            theirs.close()

        # A process of its own would not show in threading: this thread is hidden from it.
        _thread.start_new_thread(speak, ())
        reader, writer = await asyncio.open_connection(sock=ours)
        data = await reader.read()
        writer.close()
        await writer.wait_closed()
        return data

    data, _ = run(main(), make())
    assert data == b"x"


@pytest.mark.skipif(sys.platform == "win32", reason="a selector loop has no subprocesses there")
@both_networks
def test_a_subprocess_is_served(make, monkeypatch):
    # A busy machine may need longer to start a process than a silent descriptor is given.
    monkeypatch.setattr("wsdoctor.sim.clock._FOREIGN_WAITS", 1000)

    async def main() -> tuple[bytes, int | None]:
        process = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            "read line; sleep 0.05; echo got $line",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate(b"this\n")
        return out, process.returncode

    (out, code), loop = run(main(), make())
    assert (out, code) == (b"got this\n", 0)
    assert loop.used_wall_time
    for thread in threading.enumerate():
        if thread.name.startswith("asyncio-waitpid"):
            thread.join(5)  # its last moments would be the next test's


class Keeping(asyncio.Protocol):
    """Keeps its transport, so that the test can end it."""

    def __init__(self, transports: list[asyncio.BaseTransport]) -> None:
        self._transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transports.append(transport)


@both_networks
def test_the_loops_own_sockets_are_no_foreign_ones(make):
    """Neither the pipe by which threads wake it, nor a connection to the server under test."""

    async def main() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualEventLoop)
        transports: list[asyncio.BaseTransport] = []
        sock = loop.listen()
        server = await loop.create_server(lambda: Keeping(transports), sock=sock)
        await loop.connect(lambda: Keeping(transports), sock.getsockname()[1])
        await asyncio.sleep(100)
        for transport in transports:
            transport.close()
        server.close()
        await asyncio.sleep(100)
        return len(transports)

    ends, loop = run(main(), make())
    assert ends == 2
    assert loop.ended == pytest.approx(200)
    assert not loop.used_wall_time

"""Descriptors that are not of wsdoctor's own network: real time is spent on them before a jump."""

from __future__ import annotations

import _thread
import asyncio
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar

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


def _outside(serve: Callable[[socket.socket], None]) -> socket.socket:
    """The application's end of a connection to ``serve``, which threading does not know: as a process."""
    ours, theirs = socket.socketpair()

    def run_it() -> None:
        with theirs:
            serve(theirs)

    _thread.start_new_thread(run_it, ())
    return ours


@both_networks
def test_an_answer_is_waited_for_however_long_the_connection_was_idle(make):
    """No timer overtakes it: virtual time passes with it as real time does."""
    slow = 0.3

    def serve(sock: socket.socket) -> None:
        sock.recv(100)
        time.sleep(slow)
        sock.sendall(b"pong\n")

    async def main() -> tuple[bytes, float]:
        reader, writer = await asyncio.open_connection(sock=_outside(serve))
        await asyncio.sleep(50)
        asked = asyncio.get_running_loop().time()
        writer.write(b"ping\n")
        async with asyncio.timeout(20):
            answer = await reader.readline()
        writer.close()
        return answer, asyncio.get_running_loop().time() - asked

    loop = make()
    (answer, took), _ = run(main(), loop)
    assert answer == b"pong\n"
    assert slow - 0.05 < took < 20
    (asked,) = loop.answers
    assert asked.until - asked.asked == pytest.approx(took, abs=0.05)
    assert asked.overtaken is None


@both_networks
def test_an_answer_that_never_comes_is_given_up(make):
    async def main() -> float:
        _, writer = await asyncio.open_connection(sock=_outside(lambda sock: time.sleep(2)))
        writer.write(b"ping\n")
        await asyncio.sleep(1000)
        writer.close()
        return asyncio.get_running_loop().time()

    loop = make()
    loop.wait_for_answers(0.3)
    ended, _ = run(main(), loop)
    assert ended == pytest.approx(1000)
    assert 0.25 <= loop.waited < 2


@pytest.mark.parametrize("owner, overtaken", [(1, True), (0, False)])
def test_a_time_out_that_ends_before_the_answer_is_noted_if_it_is_the_connections(owner, overtaken):
    connection = ContextVar("connection", default=0)

    def serve(sock: socket.socket) -> None:
        sock.recv(100)
        time.sleep(0.4)

    async def ask() -> None:
        connection.set(owner)
        reader, writer = await asyncio.open_connection(sock=_outside(serve))
        writer.write(b"ping\n")
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.readline()
        writer.close()

    loop = VirtualEventLoop()
    loop.own_time_outs(connection)
    run(ask(), loop)
    assert [asked.overtaken is not None for asked in loop.answers] == [overtaken]


@both_networks
@pytest.mark.parametrize(
    "then, overtaken",
    [("waits on", False), ("does something else, and waits again", True), ("leaves", True)],
)
def test_who_stops_waiting_and_waits_on_has_not_given_up(make, then, overtaken):
    """psycopg does so ten times a second."""
    connection = ContextVar("connection", default=0)

    def serve(sock: socket.socket) -> None:
        sock.recv(100)
        time.sleep(0.3)
        with suppress(OSError):
            sock.sendall(b"pong\n")

    async def ask() -> None:
        connection.set(1)
        loop = asyncio.get_running_loop()
        with _outside(serve) as sock:
            sock.send(b"ping\n")
            for _ in range(1 if then == "leaves" else 100):
                woken: asyncio.Future[bool] = loop.create_future()
                loop.add_reader(sock, lambda woken=woken: woken.done() or woken.set_result(True))
                timer = loop.call_later(
                    0.05, lambda woken=woken: woken.done() or woken.set_result(False)
                )
                answered = await woken
                timer.cancel()
                loop.remove_reader(sock)
                if answered:
                    break
                if then != "waits on":
                    await asyncio.sleep(0.01)

    loop = make()
    loop.own_time_outs(connection)
    run(ask(), loop)
    first = loop.answers[0]
    assert (first.overtaken is not None) is overtaken
    assert (first.until - first.asked > 0.25) is not overtaken
    assert then != "waits on" or len(loop.answers) == 1


@both_networks
def test_a_feed_keeps_its_pace_only_while_a_client_waits_for_messages(make):
    pause, wanted = 0.02, 6

    def serve(sock: socket.socket) -> None:
        with suppress(OSError):
            while True:
                sock.sendall(b"price\n")
                time.sleep(pause)

    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualEventLoop)
        reader, writer = await asyncio.open_connection(sock=_outside(serve))
        began = loop.time()
        with loop.attentive():
            for _ in range(wanted):
                await reader.readline()
        waited = loop.time() - began
        with stopwatch() as watch:
            await asyncio.sleep(1000)
        writer.close()
        return waited, watch.seconds

    (waited, watched), _ = run(main(), make())
    assert waited >= (wanted - 2) * pause
    assert watched < 5


@pytest.mark.skipif(sys.platform == "win32", reason="a selector loop has no subprocesses there")
@both_networks
def test_the_end_of_a_child_is_waited_for(make):
    async def main() -> int:
        child = await asyncio.create_subprocess_exec("sleep", "0.3")
        await asyncio.sleep(0)
        async with asyncio.timeout(20):
            return await child.wait()

    returned, loop = run(main(), make())
    assert returned == 0
    assert 0.2 < loop.ended < 20


@pytest.mark.skipif(sys.platform == "win32", reason="a selector loop has no subprocesses there")
@both_networks
def test_a_subprocess_is_served(make):

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

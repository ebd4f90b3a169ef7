"""What a connection opens outside, or takes from a pool, and what of it is left when it is over."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.session.apps import application
from tests.session.cells import all_of, run
from wsdoctor.plan.budget import ANSWER_TIME
from wsdoctor.recording.case import BEFORE, THIRD
from wsdoctor.recording.events import ResourcesLeft, ThreadsLeft
from wsdoctor.session import resources

pty = pytest.importorskip("pty", reason="there are no forks, pseudo-terminals and signals here")

# Things that are left open are closed when the session has ended, and Python warns of that.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLEEPS = (sys.executable, "-c", "import time; time.sleep(600)")
DISCARD = ("127.0.0.1", 9)
kept: list[Any] = []
"""What an application holds: it would be closed otherwise."""


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(resources, "_NAP", 0.05)
    kept.clear()
    yield
    for thing in kept:
        if isinstance(thing, int):
            os.close(thing)
        elif hasattr(thing, "close"):
            thing.close()


def living(begin: Callable[[], Any], end: Callable[[Any], Any] | None = None) -> Any:
    """Opens something with ``begin``, and closes it with ``end``, if there is one."""

    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        thing = begin()
        if asyncio.iscoroutine(thing):
            thing = await thing
        while (await receive())["type"] != "websocket.disconnect":
            pass
        if end is not None and asyncio.iscoroutine(ended := end(thing)):
            await ended

    return app


def left(recording: Any, connection: int = 1) -> list[list[tuple[str, str]]]:
    """At each look, the kinds of the things that are left open, and what they are."""
    return [
        [(item.kind, item.what) for item in event.resources]
        for event in all_of(recording, ResourcesLeft, connection)
    ]


async def datagrams() -> asyncio.DatagramTransport:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=DISCARD
    )
    return transport


async def server() -> asyncio.Server:
    listens = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    kept.append(listens)
    return listens


def plain_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(DISCARD)
    kept.append(sock)
    return sock


def temporary_file() -> Any:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - that it stays open is what this is about
    kept.append(file)
    return file


def terminal() -> int:
    master, slave = pty.openpty()
    os.close(slave)
    kept.append(master)
    return master


def close_all(_thing: object) -> None:
    while kept:
        thing = kept.pop()
        os.close(thing) if isinstance(thing, int) else thing.close()


THINGS: list[tuple[Callable[[], Any], Callable[[Any], Any], tuple[str, str]]] = [
    (datagrams, lambda it: it.close(), ("socket", "socket to 127.0.0.1:9")),
    (plain_socket, close_all, ("socket", "socket to 127.0.0.1:9")),
    (temporary_file, close_all, ("file", "temporary file")),
    (terminal, close_all, ("descriptor", "pseudo-terminal")),
]
NAMES = [begin.__name__ for begin, _, _ in THINGS]


@pytest.mark.parametrize("begin, end, what", THINGS, ids=NAMES)
def test_what_every_client_leaves_open(begin, end, what):
    recording = run(living(begin))
    assert left(recording)[-1] == [what]
    for visitor in (2, 3):
        assert left(recording, visitor)[-1] == [what]
    assert left(recording, 4) == []
    (event, *_) = all_of(recording, ResourcesLeft)
    (item,) = event.resources
    assert item.stack[-1].function in {begin.__name__, "living.<locals>.app"}


@pytest.mark.parametrize("begin, end, what", THINGS, ids=NAMES)
def test_what_is_closed_is_not_left(begin, end, what):
    assert left(run(living(begin, end))) == []


def test_the_sockets_by_which_an_event_loop_is_woken_are_its_own():
    def begin() -> None:
        kept.append(asyncio.new_event_loop())

    assert left(run(living(begin))) == []


def test_a_socket_that_listens_says_where():
    ((first, *_), *_) = left(run(living(server)))
    assert first[1].startswith("socket that listens at 127.0.0.1:")


def test_what_nothing_holds_any_more_is_closed():
    def forget() -> None:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    assert left(run(living(forget))) == []


def test_what_the_next_client_uses_again_is_left_by_one():
    def shared() -> Any:
        return kept[0] if kept else plain_socket()

    recording = run(living(shared))
    assert left(recording) != []
    assert left(recording, 2) == []


async def closes_late() -> None:
    transport = await datagrams()
    asyncio.get_running_loop().call_later(60, transport.close)


async def is_closed_soon() -> None:
    transport = await datagrams()
    asyncio.get_running_loop().call_later(1, transport.close)


def test_what_is_closed_within_the_watch_is_compared_with_the_next_clients():
    recording = run(living(closes_late))
    first, last = all_of(recording, ResourcesLeft)
    assert (len(first.resources), first.timers) == (1, True)
    assert (last.resources, last.timers) == ((), False)
    assert 55 < last.time - first.time < 125
    assert len(left(recording, 2)[-1]) == 1  # beside that of the third one


def test_what_is_closed_in_an_instant_needs_no_other_client():
    recording = run(living(is_closed_soon))
    assert len(left(recording)) == 1
    assert left(recording, 2) == []


# --- child processes


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def child() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(SLEEPS)
    kept.append(process.pid)
    return process


def forked() -> None:
    pid = os.fork()
    if not pid:
        os.execv(SLEEPS[0], SLEEPS)  # noqa: S606 - no shell is what it is about
    kept.append(pid)


async def asyncios() -> None:
    speaks = SLEEPS[2].replace(";", "; print(flush=True);")  # or else its first word is waited for
    process = await asyncio.create_subprocess_exec(
        *SLEEPS[:2], speaks, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    kept.append(process.pid)


@pytest.mark.parametrize("begin", [child, forked, asyncios])
def test_a_child_that_every_client_leaves_is_found_and_killed_in_the_end(begin):
    recording = run(living(begin))
    pids, kept[:] = list(kept), []
    kinds = [kind for kind, _ in left(recording)[-1]]
    assert kinds.count("process") == 1
    assert ("process", "child process") in left(recording, 2)[-1]
    assert len(pids) >= 2
    assert not any(map(alive, pids))
    assert all_of(recording, ThreadsLeft) == []  # Python 3.11: asyncio's, which waits for it


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    kept.clear()


def test_a_child_that_has_a_signal_gets_the_time_to_end():
    assert left(run(living(child, end))) == []


def test_a_child_that_is_about_to_end_is_given_the_time():
    """Its input is at an end, and it works for a while before it is done."""
    works = "import sys, time; sys.stdin.read(); t = time.process_time() + 0.2\nwhile time.process_time() < t: pass"

    def fed() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", works], stdin=subprocess.PIPE)

    def at_an_end(process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        process.stdin.close()

    assert left(run(living(fed, at_an_end))) == []


def test_a_child_of_the_applications_own_is_left_alone():
    process: list[subprocess.Popen[bytes]] = []

    def once() -> None:
        if not process:
            process.append(subprocess.Popen(SLEEPS))

    recording = run(living(once))
    assert left(recording, 2) == left(recording, 3) == []


def test_no_child_of_the_clients_that_come_before_survives():
    run(living(child), moment=f"{THIRD}:after-accept")
    assert len(kept) > BEFORE
    assert not any(map(alive, kept))
    kept.clear()


def test_the_first_temporary_file_of_a_process(monkeypatch):
    """``tempfile`` looks for its folder then, by opening a file while it holds a lock."""

    def first() -> Any:
        monkeypatch.setattr(tempfile, "tempdir", None)
        descriptor, path = tempfile.mkstemp()
        os.unlink(path)
        kept.append(descriptor)

    assert left(run(living(first)))[-1] == [("file", "temporary file")]


def test_the_calls_are_as_they_were():
    before = (open, os.open, os.fork, socket.socket.__init__, subprocess.Popen.__init__)
    run(living(temporary_file))
    assert before == (open, os.open, os.fork, socket.socket.__init__, subprocess.Popen.__init__)


@pytest.mark.parametrize(
    "answer_time, takes, said", [(0.05, 60.0, "no answer"), (ANSWER_TIME, 0.3, "an answer")]
)
def test_how_long_an_answer_is_waited_for(answer_time, takes, said):
    """The peer answers when the handler has given it up, or after as many wall seconds as it ``takes``."""
    gave_up = threading.Event()
    heard = []

    def answer(sock: socket.socket) -> None:
        with sock:
            sock.recv(10)
            gave_up.wait(takes)
            sock.sendall(b"an answer\n")

    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        ours, theirs = socket.socketpair()
        thread = threading.Thread(target=answer, args=[theirs], daemon=True)
        thread.start()
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(b"a question")
        try:
            async with asyncio.timeout(20):
                heard.append((await reader.readline()).decode().strip())
        except TimeoutError:
            heard.append("no answer")
        gave_up.set()
        thread.join()
        writer.close()
        while (await receive())["type"] != "websocket.disconnect":
            pass

    run(app, "close", "idle", answer_time=answer_time)
    assert heard[0] == said

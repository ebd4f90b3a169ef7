"""The worker process and its supervisor: applications that print, exit, freeze or do not load."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from tests.session.cells import LEGACY, SANSIO, all_of, asgi, errors_logged, observed
from wsdoctor.recording.case import Case, Handshake
from wsdoctor.recording.events import (
    AppCalled,
    AppReturned,
    ObservationEnded,
    ReceiveReturned,
    SendCalled,
    StackFrame,
    WorkerLost,
)
from wsdoctor.recording.recording import Recording
from wsdoctor.session.timeouts import Timing
from wsdoctor.target import TargetError, TargetImportError
from wsdoctor.workers import supervisor as module
from wsdoctor.workers.messages import Load, Loaded, Sampled
from wsdoctor.workers.supervisor import Supervisor
from wsdoctor.workers.worker import Worker

# They share a worker process.
pytestmark = pytest.mark.xdist_group("supervisor")

APP = '''
import asyncio, logging, os, subprocess, sys, time

imports = sys.modules.setdefault("_imports_of_the_test", type(sys)("imports"))
imports.count = getattr(imports, "count", 0) + 1
print("garbage at import", flush=True)
visits = 0


async def accept(receive, send):
    await receive()
    await send({"type": "websocket.accept"})


async def until_disconnect(receive):
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def say(send, text):
    await send({"type": "websocket.send", "text": str(text)})


async def prints(receive, send):
    """Every way to write to standard output that there is."""
    print('{"type": "Ran"}', flush=True)
    sys.stdout.write("half a line")
    sys.stdout.flush()
    os.write(1, b'\\n{"type":"Crashed","traceback":"not true"}\\n')
    sys.__stdout__.write("original\\n") if sys.__stdout__ else None
    subprocess.run(["sh", "-c", "echo from a child; cat"], check=False)
    await say(send, "printed")
    await until_disconnect(receive)


async def reads(receive, send):
    """There is nothing to read, and no read waits."""
    await say(send, repr(sys.stdin.read()) + repr(os.read(0, 10)))
    await until_disconnect(receive)


async def exits(receive, send):
    os._exit(7)


async def exits_in_task(receive, send):
    async def leave():
        sys.exit(5)
    await asyncio.create_task(leave())


async def interrupts(receive, send):
    async def interrupt():
        raise KeyboardInterrupt
    await asyncio.create_task(interrupt())


async def crashes(receive, send):
    import signal
    os.kill(os.getpid(), signal.SIGKILL)


async def freezes(receive, send):
    while True:
        time.sleep(0.01)


async def freezes_at_the_end(receive, send):
    await until_disconnect(receive)
    while True:
        pass


async def floods_the_log(receive, send):
    await until_disconnect(receive)
    while True:
        logging.getLogger("app").warning("and again")


async def spins(receive, send):
    """Busy, and the loop goes round all the same."""
    while True:
        await asyncio.sleep(0)


async def blocks_for_a_while(receive, send):
    time.sleep(0.5)
    await until_disconnect(receive)


async def counts(receive, send):
    global visits
    visits += 1
    await say(send, f"import {imports.count} visit {visits}")
    await until_disconnect(receive)


async def moves(receive, send):
    os.chdir("/")
    os.environ["WSDOCTOR_MOVED"] = "1"


async def exhausts(receive, send):
    kept = []
    try:
        while True:
            kept.append(os.open(os.devnull, os.O_RDONLY))
            imports.kept = kept
    except OSError:
        pass


async def stops_the_loop(receive, send):
    asyncio.get_running_loop().stop()


async def looks(receive, send):
    await say(send, f"{os.getcwd()} {len(getattr(imports, 'kept', ()))}")
    await until_disconnect(receive)


async def leaves_a_process(receive, send):
    await say(send, subprocess.Popen(["sleep", "60"]).pid)
    await until_disconnect(receive)


async def scribbles(receive, send):
    """As a daemon does that closes all descriptors, and opens its own."""
    for descriptor in range(3, 64):
        try:
            if os.fstat(descriptor).st_mode & 0o010000:
                os.write(descriptor, b"scribble")
        except OSError:
            pass
    await until_disconnect(receive)


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await accept(receive, send)
    await globals()[scope["path"].strip("/")](receive, send)
'''


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setenv(
        "PYTHONPATH",
        os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]),
    )
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("apps")
    (folder / "app.py").write_text(APP)
    return folder


@pytest.fixture(scope="module")
def shared(folder: Path) -> Iterator[Supervisor]:
    """One worker for the tests whose applications leave it alive; a lost one is started anew."""
    with Supervisor(Load(f"{folder / 'app.py'}:app", paths=("/ws",))) as supervisor:
        yield supervisor


def _case(
    path: str, moment: str = "after-accept", server: str = LEGACY, kind: str = "close"
) -> Case:
    return Case(
        route="/ws", server=server, kind=kind, moment=moment, handshake=Handshake(path=f"/{path}")
    )


def _text(recording: Recording) -> list[str]:
    return [
        event.preview for event in observed(recording) if type(event).__name__ == "FrameReceived"
    ]


def _pids() -> set[str]:
    """This process's children."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return set(children.read_text().split()) if children.is_file() else set()


def _descriptors() -> set[str]:
    folder = Path("/proc/self/fd")
    return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()


@pytest.mark.parametrize("server", [LEGACY, SANSIO])
def test_what_the_application_prints_does_not_corrupt_the_answers(shared, server):
    recording = shared.run(_case("prints", "after:1", server), Timing()).recording
    assert _text(recording)[0] == "printed"
    assert asgi(recording)[-1] == "returned"
    assert any(isinstance(event, ObservationEnded) for event in recording.events)


def test_what_the_application_reads_is_nothing(shared):
    recording = shared.run(_case("reads", "after:1"), Timing()).recording
    assert _text(recording)[0] == "''b''"
    assert asgi(shared.run(_case("counts", "after:1"), Timing()).recording)[-1] == "returned"


@pytest.mark.parametrize("path, returncode", [("exits", 7), ("crashes", -signal.SIGKILL)])
def test_a_worker_that_is_gone_is_an_answer_and_the_next_case_runs(shared, path, returncode):
    recording = shared.run(_case(path), Timing()).recording
    lost = recording.events[-1]
    assert isinstance(lost, WorkerLost)
    assert lost.returncode == returncode
    assert recording.case == _case(path)
    assert asgi(shared.run(_case("counts", "after:1"), Timing()).recording)[-1] == "returned"


@pytest.mark.parametrize("path, returncode", [("exits_in_task", 5), ("interrupts", 130)])
def test_an_exit_in_a_task_is_recorded_with_all_that_came_before(shared, path, returncode):
    recording = shared.run(_case(path), Timing()).recording
    (lost,) = (event for event in recording.events if isinstance(event, WorkerLost))
    assert lost.returncode == returncode
    assert [event.connection for event in all_of(recording, AppCalled)] == [1]
    assert ">accept" in asgi(recording)
    assert asgi(shared.run(_case("counts", "after:1"), Timing()).recording)[-1] == "returned"


@pytest.mark.parametrize("path", ["freezes", "freezes_at_the_end"])
def test_a_frozen_loop_is_ended_with_the_line_that_holds_it(shared, path, folder):
    began = time.monotonic()
    recording = shared.run(_case(path), Timing()).recording
    assert time.monotonic() - began < 10
    lost = recording.events[-1]
    assert isinstance(lost, WorkerLost)
    assert lost.returncode is None, "it had to be ended"
    assert len(lost.samples) == 3
    for stack in lost.samples:
        innermost = [frame for frame in stack if frame.user][-1]
        assert innermost.function == path
        assert Path(innermost.file).name == "app.py"
    assert set(recording.sources) == {str(folder / "app.py")}
    # The recording has the events up to then.
    assert [event.message for event in all_of(recording, SendCalled)] == ["websocket.accept"]
    delivered = [event.message for event in all_of(recording, ReceiveReturned)]
    assert ("websocket.disconnect" in delivered) == (path == "freezes_at_the_end")
    assert not all_of(recording, AppReturned)


def test_a_frozen_loop_is_named_though_it_floods_the_log(shared):
    diagnosed = shared.run(_case("floods_the_log"), Timing())
    (cause,) = diagnosed.causes
    assert (diagnosed.result.verdict, cause.occurrence.code) == ("defective", "WSD404")
    assert cause.occurrence.place is not None
    assert cause.occurrence.place.function == "floods_the_log"


def test_a_loop_that_is_only_blocked_for_a_while_is_not_frozen(shared, monkeypatch):
    """Three looks in a row decide; this one is free again before the third."""
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.4)
    recording = shared.run(_case("blocks_for_a_while"), Timing()).recording
    assert asgi(recording)[-1] == "returned"


@pytest.mark.parametrize(
    "sent, frozen", [((1, 1, 1), True), ((1, 1, 2), False), ((1, 2, 3), False)]
)
def test_who_sends_between_the_looks_is_not_frozen(sent, frozen):
    """A handler that sends without ever waiting stays in one step of the loop, for seconds if need be."""
    frame = StackFrame(file="app.py", line=1, function="flood", user=True)
    call = SendCalled(time=0, step=1, connection=1, call=1, message="websocket.send", task=1)
    looks = [Sampled((frame,), 1, (call,) * number) for number in sent]
    assert module._frozen(looks) is frozen


def test_a_late_look_is_not_taken_for_one_at_the_next_case(shared):
    """The answer to the last look at one case may come after that case's recording."""
    shared.run(_case("counts", "after:1"), Timing())
    before = ObservationEnded(time=77.0, step=1)
    frame = StackFrame(file="app.py", line=1, function="of_the_case_before", user=True)
    late = [Sampled((frame,), step, (before,)) for step in (1, 1, 1)]
    shared._asked += len(late)
    for sampled in late:
        shared._answers.put(sampled)
    recording = shared.run(_case("exits"), Timing()).recording
    lost = recording.events[-1]
    assert isinstance(lost, WorkerLost)
    assert lost.returncode == 7
    assert "of_the_case_before" not in {frame.function for stack in lost.samples for frame in stack}
    assert before not in recording.events


def test_a_case_that_does_not_end_in_time_is_ended(shared, monkeypatch):
    """A loop that goes round is not frozen; there is a limit all the same."""
    monkeypatch.setattr(module, "_PATIENCE", {"virtual": 0.5, "wall": 0.5})
    began = time.monotonic()
    recording = shared.run(_case("spins"), Timing(clock="wall")).recording
    assert time.monotonic() - began < 5
    lost = recording.events[-1]
    assert isinstance(lost, WorkerLost)
    assert lost.returncode is None
    assert len(lost.samples) <= 1, "nothing holds the loop"


def test_each_case_has_a_copy_of_its_own_if_it_asks_for_one(shared):
    def said(*, fresh: bool) -> str:
        recording = shared.run(_case("counts", "after:1"), Timing(), fresh=fresh).recording
        return _text(recording)[0]

    visits = [said(fresh=fresh) for fresh in (True, True, False, True)]
    assert visits == [f"import 1 visit {number}" for number in (1, 1, 2, 1)]
    assert shared.notes == []


def test_what_a_case_does_to_its_process_is_nothing_to_the_next_one(shared):
    for path in ("moves", "exhausts", "stops_the_loop"):
        shared.run(_case(path), Timing())
    recording = shared.run(_case("looks", "after:1"), Timing()).recording
    assert _text(recording)[0] == f"{Path.cwd()} 0"


def test_the_processes_of_a_copy_end_with_it(shared):
    """Those of its own, and one that goes on while the copy is lost."""
    texts = _text(shared.run(_case("leaves_a_process", "after:1"), Timing()).recording)
    shared.run(_case("counts"), Timing())
    left = int(texts[0])
    deadline = time.monotonic() + 5
    while _is_alive(left) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not _is_alive(left)


def _is_alive(pid: int) -> bool:
    """Whether it runs: a process that has ended and has not been waited for does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


ECHO = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": str(counted())})
    while (await receive())["type"] != "websocket.disconnect":
        pass


visits = 0


def counted():
    global visits
    visits += 1
    return visits
"""


@pytest.mark.parametrize(
    "at_import, why",
    [
        (
            "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()",
            "threads",
        ),
        ("import socket; kept = socket.create_server(('127.0.0.1', 0))", "connections"),
        ("import subprocess; kept = subprocess.Popen(['sleep', '60'])", "a process"),
    ],
)
def test_an_application_that_cannot_be_copied_has_processes_and_that_is_said(
    tmp_path, at_import, why
):
    (tmp_path / "app.py").write_text(at_import + ECHO)
    before = _pids()
    with Supervisor(Load(f"{tmp_path / 'app.py'}:app", paths=("/ws",))) as supervisor:
        first = supervisor.run(_case("ws", "after:1"), Timing()).recording
        assert supervisor.notes == []
        again = supervisor.run(_case("ws", "after:1"), Timing(), fresh=False).recording
        fresh = supervisor.run(_case("ws", "after:1"), Timing()).recording
        assert [_text(run)[0] for run in (first, again, fresh)] == ["1", "2", "1"]
        (note,) = supervisor.notes
    assert "process of its own" in note
    assert why in note
    assert _pids() == before


POLLS = """
import asyncio, threading, time


def poll(stop):
    while not stop.is_set():
        time.sleep(0.02)


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError
    await receive()
    await send({"type": "websocket.accept"})
    stop = threading.Event()
    threading.Thread(target=poll, args=(stop,), daemon=True).start()
    await asyncio.sleep(9)
    await send({"type": "websocket.send", "text": "so late"})
    while (await receive())["type"] != "websocket.disconnect":
        pass
    stop.set()
"""


@pytest.mark.parametrize(
    "at_import", ["", "import socket; kept = socket.create_server(('127.0.0.1', 0))"]
)
def test_what_took_real_time_to_find_out_is_found_out_once(tmp_path, at_import):
    """It takes seconds to see that a thread goes about its own business; the next process knows."""
    (tmp_path / "app.py").write_text(at_import + POLLS)
    with Supervisor(Load(f"{tmp_path / 'app.py'}:app", paths=("/ws",))) as supervisor:
        first, second = (
            supervisor.run(_case("ws", "after:1"), Timing()).recording.waited for _ in range(2)
        )
    assert second < first / 2


def test_where_the_system_copies_no_processes_each_stretch_has_its_own(folder, monkeypatch):
    """Without a fork server, as on Windows."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, "app", sys)  # afterwards it is as it was: none is left
    monkeypatch.delitem(sys.modules, "app")
    loaded = Worker(BytesIO()).answer(Load(f"{folder / 'app.py'}:app", paths=("/ws",)))
    assert isinstance(loaded, Loaded)
    assert "system" in loaded.apart


def test_a_log_listener_is_no_thread_that_forbids_copies_and_goes_on_in_them(tmp_path):
    (tmp_path / "app.py").write_text(
        textwrap.dedent(
            """
            import logging.handlers, queue, sys
            records = queue.SimpleQueue()
            lines = []
            class Kept(logging.Handler):
                def emit(self, record):
                    lines.append(record.getMessage())
            listener = logging.handlers.QueueListener(records, Kept())
            listener.start()
            def counted():
                records.put(logging.makeLogRecord({"msg": "heard"}))
                while not lines:
                    pass
                return lines
            """
        )
        + ECHO.partition("visits = 0")[0]
    )
    with Supervisor(Load(f"{tmp_path / 'app.py'}:app", paths=("/ws",))) as supervisor:
        assert supervisor.load().apart == ""
        for _ in range(2):
            recording = supervisor.run(_case("ws", "after:1"), Timing()).recording
            assert _text(recording)[0] == "['heard']"


SLOW = """
import asyncio, threading, time


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        {starts}
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        return
    await receive()
    await send({{"type": "websocket.accept"}})
    while (await receive())["type"] != "websocket.disconnect":
        pass
"""


@pytest.mark.parametrize(
    "starts, seconds, said",
    [
        ("time.sleep(0.6)", 30.0, ""),
        ("await asyncio.sleep(500)", 30.0, ""),
        (
            "await asyncio.Event().wait()",
            30.0,
            "600 s of virtual time: it waits",
        ),
        (
            "await asyncio.to_thread(time.sleep, 60)",
            0.3,
            "within 0.3 s: it waits",
        ),
        ("time.sleep(60)", 0.3, "it holds the event loop at app.py:8"),
    ],
)
def test_a_start_up_may_take_its_time_and_must_answer(tmp_path, monkeypatch, starts, seconds, said):
    """The looks are a tenth of a second apart: one that holds the loop is frozen after three of them."""
    if "holds" in said:
        monkeypatch.setattr(module, "_TELLS", 1.0)
    (tmp_path / "app.py").write_text(SLOW.format(starts=starts))
    with Supervisor(Load(f"{tmp_path / 'app.py'}:app", paths=("/ws",))) as supervisor:
        began = time.monotonic()
        diagnosed = supervisor.run(_case("ws"), Timing(startup_time=seconds))
        assert time.monotonic() - began < 30
    assert diagnosed.result.verdict == ("nothing-checked" if said else "healthy")
    assert diagnosed.result.codes == (("WSD001",) if said else ())
    assert said in diagnosed.result.note
    if said:
        (cause,) = diagnosed.causes
        assert cause.occurrence.place is not None
        assert cause.occurrence.place.line == 8


def test_a_long_start_up_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SLOW_START", 0.2)
    (tmp_path / "app.py").write_text(SLOW.format(starts="time.sleep(0.3)"))
    with Supervisor(Load(f"{tmp_path / 'app.py'}:app", paths=("/ws",))) as supervisor:
        supervisor.run(_case("ws"), Timing())
        (note,) = supervisor.notes
    assert "to start" in note


@pytest.mark.parametrize("path", ["spins", "freezes", "counts"])
def test_what_goes_on_when_the_time_is_over_is_ended(shared, path):
    shared.run(_case("counts"), Timing())
    began = time.monotonic()
    shared.until = began + 0.2
    try:
        with pytest.raises(module.OutOfTimeError):
            while True:
                shared.run(_case(path), Timing())
        assert time.monotonic() - began < 2.2
    finally:
        shared.until = float("inf")
    assert asgi(shared.run(_case("counts", "after:1"), Timing()).recording)[-1] == "returned"


def test_an_answer_that_cannot_be_read_is_the_answer_of_that_case(shared, monkeypatch):
    """The application writes into descriptors that are not its own."""
    monkeypatch.setattr(module, "_LOOK_EVERY", 2.0)  # else it may be the answer to a look
    diagnosed = shared.run(_case("scribbles"), Timing())
    assert diagnosed.result.verdict == "inconclusive"
    assert "could not be read" in diagnosed.result.note
    assert asgi(shared.run(_case("counts", "after:1"), Timing()).recording)[-1] == "returned"


def test_both_clocks_and_both_networks_can_be_asked_for(shared):
    virtual = shared.run(_case("counts", "after:1"), Timing()).recording
    loopback = shared.run(_case("counts", "after:1"), Timing(), network="loopback").recording
    wall = shared.run(_case("counts", "after:1"), Timing(clock="wall", grace=0.05)).recording
    assert (virtual.clock, loopback.clock, wall.clock) == ("virtual", "virtual", "wall")
    assert asgi(virtual) == asgi(loopback) == asgi(wall)
    assert errors_logged(wall) == []


@pytest.mark.parametrize(
    "source, error, said",
    [
        ("raise LookupError('no database')", TargetImportError, "no database"),
        ("import os; os._exit(3)", TargetImportError, "exit code 3"),
        ("import sys; sys.exit(4)", TargetError, "4"),
        ("def app(", TargetImportError, "SyntaxError"),
        ("x = 1", TargetError, "app"),
    ],
)
def test_a_target_that_does_not_load(tmp_path, source, error, said):
    (tmp_path / "broken.py").write_text(source + "\n")
    before = _pids()
    with (
        Supervisor(Load(f"{tmp_path / 'broken.py'}:app")) as supervisor,
        pytest.raises(error, match=said),
    ):
        supervisor.load()
    assert _pids() == before


def test_what_a_target_wrote_before_it_ended_the_process_is_reported(tmp_path):
    (tmp_path / "dies.py").write_text(
        "import os, sys\nprint('on stdout', flush=True)\nos.write(2, b'last words\\n')\nos._exit(9)\n"
    )
    with (
        Supervisor(Load(f"{tmp_path / 'dies.py'}:app")) as supervisor,
        pytest.raises(TargetImportError) as raised,
    ):
        supervisor.load()
    assert "exit code 9" in str(raised.value)
    assert "last words" in raised.value.traceback_text
    assert "on stdout" in raised.value.traceback_text


def test_a_target_that_never_finishes_its_import_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_LOADING", 1.0)
    (tmp_path / "stuck.py").write_text("import time\nwhile True:\n    time.sleep(0.01)\n")
    before = _pids()
    with (
        Supervisor(Load(f"{tmp_path / 'stuck.py'}:app")) as supervisor,
        pytest.raises(TargetImportError, match="did not finish within 1 s"),
    ):
        supervisor.load()
    assert _pids() == before


def test_no_process_and_no_descriptor_is_left(folder):
    children, threads = _pids(), set(threading.enumerate())
    descriptors = _descriptors()
    for path in ("counts", "exits"):
        with Supervisor(Load(f"{folder / 'app.py'}:app", paths=("/ws",))) as supervisor:
            supervisor.run(_case(path), Timing())
    deadline = time.monotonic() + 3
    while set(threading.enumerate()) - threads and time.monotonic() < deadline:
        time.sleep(0.005)
    assert set(threading.enumerate()) <= threads
    assert _pids() == children
    assert _descriptors() == descriptors


def test_a_worker_ends_when_its_supervisor_is_gone(folder):
    """A supervisor that is killed cannot say goodbye: the end of the pipe is enough."""
    supervisor = Supervisor(Load(f"{folder / 'app.py'}:app", paths=("/ws",)))
    supervisor.load()
    process = supervisor._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(5) == 0
    supervisor.close()

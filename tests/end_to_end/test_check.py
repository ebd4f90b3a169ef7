"""``wsdoctor check`` on applications of each framework, and on what can go wrong with a target."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

APPS = Path(__file__).parent / "apps"


def marked_lines(app: str) -> set[tuple[str, int]]:
    """The codes and the lines of the ``# <- WSD…`` comments."""
    lines = enumerate((APPS / app).read_text().splitlines(), 1)
    found = ((re.search(r"# <- (WSD\d+)", line), number) for number, line in lines)
    return {(mark[1], number) for mark, number in found if mark}


def marked_line(app: str) -> tuple[str, int]:
    """The code and the line of its only comment."""
    (mark,) = marked_lines(app)
    return mark


@pytest.mark.parametrize("app", ["litestar_app.py", "starlette_app.py", "fastapi_app.py"])
def test_the_bug_is_found_on_its_line_and_its_twin_is_healthy(wsdoctor, app):
    """At every moment in one of them; the zoo has many more."""
    depth = "full" if app == "litestar_app.py" else "quick"
    code, out, err = wsdoctor(
        *("check", f"{app}:app", "--depth", depth, "--format", "json"), cwd=APPS
    )
    report = json.loads(out)
    findings = [item for item in report["findings"] if item["severity"] != "info"]
    assert (code, err) == (1, "")
    assert {(f["code"], f["location"]["line"]) for f in findings} == marked_lines(app)
    assert {f["location"]["file"] for f in findings} == {app}
    assert all(f["route"].startswith("/bug") for f in findings)
    assert {c["verdict"] for c in report["cases"] if c["route"].startswith("/ok")} == {"healthy"}


def test_json_follows_the_schema_and_the_text_says_the_same(wsdoctor, tmp_path):
    _, schema, _ = wsdoctor("schema")
    code, out, _ = wsdoctor(
        *("check", str(APPS / "starlette_app.py") + ":app", "--path", "/bug"),
        *("--report", f"json={tmp_path / 'report.json'}"),
    )
    report = json.loads((tmp_path / "report.json").read_text())
    jsonschema.validate(report, json.loads(schema))
    assert code == 1
    assert "WSD101 close-after-disconnect" in out
    assert report["findings"][0]["code"] == "WSD101"


@pytest.mark.parametrize("attribute, kind", [("bug", "handler"), ("naive", "lifespan")])
def test_bare_handlers_and_lifespans(wsdoctor, attribute, kind):
    code, out, _ = wsdoctor(
        *("check", f"litestar_app.py:{attribute}", "--format", "json"),
        *("--disconnect", "close", "--at", "after:2"),
        cwd=APPS,
    )
    report = json.loads(out)
    assert (code, report["target"]["kind"]) == (1, kind)
    assert report["findings"][0]["location"]["line"] == marked_line("litestar_app.py")[1]


def test_only_the_fixed_twin_is_healthy_and_exit_code_zero(wsdoctor):
    code, out, _ = wsdoctor(
        *("check", "litestar_app.py:app", "--path", "/ok", "--disconnect", "close,abort,shutdown"),
        cwd=APPS,
    )
    assert code == 0
    assert out.strip().splitlines()[-1].startswith("verdict: healthy")


def write(folder: Path, text: str) -> str:
    (folder / "target.py").write_text(text)
    return "target.py:app"


STARLETTE = """
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
async def handler(websocket):
{body}
app = Starlette(routes=[WebSocketRoute("/ws", handler)])
"""


def handler(body: str) -> str:
    return STARLETTE.format(body="\n".join(f"    {line}" for line in body.splitlines()))


@pytest.mark.parametrize(
    "source, code, said",
    [
        ("import does_not_exist\n", 2, "does_not_exist"),
        ("1 / 0\n", 2, "ZeroDivisionError"),
        ("import sys\nsys.exit(3)\n", 2, "sys.exit"),
        ("app = 3\n", 2, "is an int"),
        (
            "from starlette.applications import Starlette\napplication = Starlette()\n",
            2,
            "what can be checked in it is 'target.py:application'",
        ),
        (
            "from starlette.applications import Starlette\napp = Starlette()\n",
            4,
            "no WebSocket route",
        ),
        (handler("await websocket.close()"), 4, "refused with status 403"),
    ],
)
def test_targets_that_cannot_be_checked_are_said_in_a_sentence(
    wsdoctor, tmp_path, source, code, said
):
    found, out, err = wsdoctor("check", write(tmp_path, source))
    assert found == code
    assert said in " ".join((out + err).split())
    assert "wsdoctor/" not in err


def test_a_failing_lifespan_is_reported_with_its_reason(wsdoctor, tmp_path):
    source = (
        "from contextlib import asynccontextmanager\n"
        "@asynccontextmanager\n"
        "async def lifespan(app):\n"
        "    raise RuntimeError('no database at db:5432')\n"
        "    yield\n"
    ) + handler("await websocket.accept()").replace("Starlette(", "Starlette(lifespan=lifespan, ")
    code, out, _ = wsdoctor("check", write(tmp_path, source))
    assert code == 2
    assert "WSD001" in out
    assert "no database at db:5432" in out


def test_a_token_opens_the_door_and_is_written_nowhere(wsdoctor, tmp_path):
    source = handler(
        "if websocket.headers.get('x-token') != 'opensesame':\n"
        "    await websocket.close()\n"
        "    return\n"
        "await websocket.accept()\n"
        "async for _ in websocket.iter_text():\n"
        "    pass"
    )
    target = write(tmp_path, source)
    assert wsdoctor("check", target)[0] == 4
    code, out, err = wsdoctor(
        *("check", target, "-H", "X-Token: opensesame", "--disconnect", "close"),
        *("--report", f"json={tmp_path / 'r.json'}"),
    )
    assert code == 0
    assert "opensesame" not in out + err + (tmp_path / "r.json").read_text()


@pytest.mark.parametrize("depth", [("--at", "idle"), ("--depth", "full")])
def test_an_application_that_freezes_its_loop_is_named_by_line(wsdoctor, tmp_path, depth):
    source = handler(
        "await websocket.accept()\n"
        "try:\n"
        "    await websocket.receive_text()\n"
        "finally:\n"
        "    while True: pass"
    )
    code, out, _ = wsdoctor(
        "check",
        write(tmp_path, source),
        "--format",
        "json",
        *depth,
        "--disconnect",
        "close",
    )
    (finding,) = json.loads(out)["findings"]
    assert code == 1
    assert (finding["code"], finding["location"]["snippet"]) == ("WSD404", "while True: pass")


FINE = """

async def fine(websocket):
    await websocket.accept()


app.router.routes.append(WebSocketRoute("/fine", fine))
"""

DEATHS = {
    "os._exit(7)": "exits with code 7",
    "os.kill(os.getpid(), 9)": "is killed by SIGKILL",
    "signal.raise_signal(signal.SIGTERM)": "is killed by SIGTERM",
    "os.abort()": "is killed by SIGABRT",
    "ctypes.string_at(0)": "is killed by SIGSEGV",
}


@pytest.mark.skipif(sys.platform == "win32", reason="other signals, and other exit codes")
@pytest.mark.parametrize("death", DEATHS)
def test_an_application_that_ends_its_process_does_so_on_a_line(wsdoctor, tmp_path, death):
    source = handler(f"await websocket.accept()\nimport os, signal, ctypes\n{death}")
    source += FINE
    options = ("--at", "after-accept", "--disconnect", "close", "--format", "json")
    code, out, _ = wsdoctor("check", write(tmp_path, source), *options)
    report = json.loads(out)
    (finding,) = (item for item in report["findings"] if item["severity"] != "info")
    assert (code, finding["code"], finding["location"]["snippet"]) == (1, "WSD407", death)
    assert DEATHS[death] in finding["message"]
    others = [case for case in report["cases"] if case["route"] == "/fine"]
    assert {case["verdict"] for case in others} == {"healthy"}


def test_it_does_so_at_every_moment_and_the_route_is_left_alone(wsdoctor, tmp_path):
    source = handler("await websocket.accept()\nimport os\nos._exit(7)")
    code, out, _ = wsdoctor("check", write(tmp_path, source), "--depth", "full")
    assert code == 1
    assert "it exits with code 7" in " ".join(out.split())
    assert "sessions before ended their process" in " ".join(out.split())


def test_what_the_application_prints_disturbs_nothing(wsdoctor, tmp_path):
    source = 'print(\'{"type": "Ran"}\' * 10, flush=True)\n' + handler(
        "import os\n"
        "os.write(1, b'garbage\\n' * 1000)\n"
        "await websocket.accept()\n"
        "async for _ in websocket.iter_text():\n"
        "    pass"
    )
    code, out, _ = wsdoctor(
        "check", write(tmp_path, source), "--format", "json", "--disconnect", "close"
    )
    assert (code, json.loads(out)["verdict"]) == (0, "healthy")


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT, which Windows does not have")
def test_an_interrupt_writes_what_is_known_and_leaves_no_process(tmp_path, request):
    fifo = tmp_path / "called"
    os.mkfifo(fifo)
    source = handler(
        f"open({str(fifo)!r}, 'w').write(str(__import__('os').getpid()))\n"
        "await websocket.accept()\n"
        "async for _ in websocket.iter_text():\n"
        "    pass"
    )
    command = [
        sys.executable,
        "-m",
        "wsdoctor",
        "check",
        write(tmp_path, source),
        "--clock",
        "wall",
    ]
    command += ["--report", f"json={tmp_path / 'report.json'}"]
    # A shell that runs the tests in the background has them ignore SIGINT, and so their children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        worker = int(fifo.read_text())  # returns when the handler is running
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    assert json.loads((tmp_path / "report.json").read_text())["interrupted"] is True
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


ECHO = """
from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect


async def echo(socket):
    await socket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await socket.send_text(await socket.receive_text())


app = Starlette(routes=[WebSocketRoute("/ws", echo)])
"""


def test_a_moment_that_the_answers_leave_no_time_for_is_not_tried(wsdoctor, tmp_path):
    """Two messages are answered at once: there is no send left that the client could leave in the middle of."""
    (tmp_path / "echo.py").write_text(ECHO)
    code, out, _ = wsdoctor(
        *("check", "echo.py:app", "--send", "a", "--send", "b", "--no-bystander"),
        *("--ws", "wsproto", "--disconnect", "stall-abort,close", "--format", "json"),
    )
    report = json.loads(out)
    assert (code, report["verdict"]) == (0, "healthy")
    assert all(case["verdict"] == "healthy" for case in report["cases"])

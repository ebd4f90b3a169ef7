"""``litestar doctor``, through Litestar's own command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

APP = """
from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect


@websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass


app = Litestar([echo])
"""
FACTORY = APP.replace(
    "app = Litestar([echo])", "def create_app() -> Litestar:\n    return Litestar([echo])"
)
BUG = ("except WebSocketDisconnect", "except ValueError")
QUICK = ("--depth", "quick", "--disconnect", "close", "--ws", "wsproto", "--format", "json")


@pytest.fixture
def litestar(tmp_path):
    def run(*arguments):
        environment = {k: v for k, v in os.environ.items() if k != "LITESTAR_APP"}
        done = subprocess.run(
            [sys.executable, "-m", "litestar", *arguments],
            cwd=tmp_path,
            env=environment | {"COLUMNS": "80", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize(
    "given, options, expected",
    [
        (("app", APP), (), (0, "app:app")),
        (("app", APP.replace(*BUG)), (), (1, "app:app")),
        (("shop", APP), ("--app", "shop:app"), (0, "shop:app")),
        (("app", FACTORY), (), (0, "app:create_app")),
    ],
    ids=["found", "bug", "named", "factory"],
)
def test_it_checks_the_application_that_litestar_found(
    tmp_path, litestar, given, options, expected
):
    module, source = given
    code, spec = expected
    (tmp_path / f"{module}.py").write_text(source)
    exit_code, out, err = litestar(*options, "doctor", *QUICK, "-H", "X-Name: a b")
    assert exit_code == code, err
    report = json.loads(out)
    assert report["target"]["spec"].removesuffix("()") == spec
    assert {case["server"] for case in report["cases"]} == {"uvicorn:wsproto"}


def test_a_wrong_option_is_reported_by_wsdoctor(tmp_path, litestar):
    (tmp_path / "app.py").write_text(APP)
    code, _, err = litestar("doctor", "--ws", "daphne")
    assert code == 2
    assert err.startswith("wsdoctor: ")


def test_its_help_is_that_of_check(tmp_path, litestar):
    (tmp_path / "app.py").write_text(APP)
    code, out, _ = litestar("doctor", "--help")
    assert code == 0
    assert "--baseline-update" in out


def test_importing_it_imports_click_and_nothing_else():
    (entry,) = entry_points(group="litestar.commands", name="doctor")
    probe = (
        "import __future__, sys, click; before = set(sys.modules); "
        f"import {entry.module}; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["wsdoctor", entry.module]


def test_listing_litestars_commands_imports_nothing_of_wsdoctors_but_this(tmp_path):
    probe = (
        "import sys\n"
        "from litestar.cli.main import litestar_group\n"
        "sys.argv = ['litestar', '--help']\n"
        "try:\n    litestar_group()\n"
        "finally:\n"
        "    print(*(n for n in sys.modules if n.startswith('wsdoctor')), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "100", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "doctor" in done.stdout, done.stderr
    assert done.stderr.split() == ["wsdoctor", "wsdoctor.litestar_command"]

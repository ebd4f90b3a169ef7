from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

APP = """
import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect


async def ticks(socket):
    while True:
        await socket.send_text("tick")
        await asyncio.sleep(2)


async def feed(socket):
    await socket.accept()
    task = asyncio.create_task(ticks(socket))
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        task.cancel()
        await task


async def echo(socket):
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/feed", feed), WebSocketRoute("/echo", echo)])
"""
"""One route that is defective at every disconnect, and one that is healthy."""

SETTINGS = """
depth = "quick"
disconnects = ["close", "abort"]
servers = ["wsproto", "websockets-sansio"]
"""


@dataclass(frozen=True)
class Ran:
    code: int
    out: str

    @property
    def ids(self) -> list[str]:
        """What ``--collect-only -q`` lists."""
        return [line for line in self.out.splitlines() if "::" in line]

    @property
    def failed(self) -> list[str]:
        """The node ids of the short summary."""
        lines = [line for line in self.out.splitlines() if line.startswith("FAILED ")]
        return [line.split()[1] for line in lines]


@pytest.fixture
def project(tmp_path):
    """A folder with an application, its settings, and a test of its own."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "wsdoctor.toml").write_text(SETTINGS)
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")
    return tmp_path


def _environment() -> dict[str, str]:
    environment = os.environ | {"COLUMNS": "80", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    for name in list(environment):
        if name.startswith(("PYTEST_", "FORCE_COLOR", "GITHUB_", "LITESTAR_APP", "CI")):
            del environment[name]
    return environment


def _run(arguments: list[str], cwd: Path) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return Ran(done.returncode, done.stdout)


@pytest.fixture
def run_pytest(tmp_path):
    """Run pytest in the project's folder, warnings as errors. It never fails internally."""

    def run(*arguments: str, cwd: Path = tmp_path) -> Ran:
        ran = _run(["pytest", "-W", "error", *arguments], cwd)
        assert "INTERNALERROR" not in ran.out
        return ran

    return run


@pytest.fixture
def run_wsdoctor(tmp_path):
    """Run the command in the project's folder."""
    return lambda *arguments: _run(["wsdoctor", *arguments], tmp_path)

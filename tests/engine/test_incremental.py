"""A check in pieces, as a test runner asks for them."""

from __future__ import annotations

import _thread
import threading

import pytest

from wsdoctor.engine.check import CheckRun
from wsdoctor.engine.incremental import Cell, IncrementalCheck
from wsdoctor.options.check import Options

APP = """
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

BEGUN = Path(__file__).with_name("begun")
CURED = Path(__file__).with_name("cured")


async def echo(socket):
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass
    BEGUN.touch()
    while not CURED.exists():
        pass


app = Starlette(routes=[WebSocketRoute("/echo", echo)])
"""


@pytest.fixture
def check_run(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    options = Options(servers=("uvicorn:wsproto",), kinds=("close", "fin"))
    with CheckRun("app.py:app", options, app_dir=str(tmp_path)) as check_run:
        yield check_run


def test_the_pieces_are_the_routes_servers_and_kinds(check_run):
    assert IncrementalCheck(check_run).pieces(["/echo"]) == (
        Cell("/echo", "uvicorn:wsproto", "close"),
        Cell("/echo", "uvicorn:wsproto", "fin"),
    )


def test_a_healthy_piece_is_reported_alone(check_run, tmp_path):
    (tmp_path / "cured").touch()
    report = IncrementalCheck(check_run).report(Cell("/echo", "uvicorn:wsproto", "fin"))
    assert (report.verdict, {case.kind for case in report.cases}) == ("healthy", {"fin"})


@pytest.mark.usefixtures("interruptible")
def test_who_was_interrupted_in_the_middle_of_a_case_begins_anew(check_run, tmp_path):
    pieces = IncrementalCheck(check_run)
    done = threading.Event()

    def interrupt() -> None:
        while not (tmp_path / "begun").exists() and not done.wait(0.01):
            pass
        _thread.interrupt_main()

    waiting = threading.Thread(target=interrupt)
    waiting.start()
    try:
        # The handler holds its loop, which is not given up for some seconds.
        with pytest.raises(KeyboardInterrupt):
            pieces.report(Cell("/echo", "uvicorn:wsproto", "close"))
    finally:
        done.set()
        waiting.join()
    (tmp_path / "cured").touch()
    for kind in ("close", "fin"):
        report = pieces.report(Cell("/echo", "uvicorn:wsproto", kind))
        assert (report.verdict, {case.kind for case in report.cases}) == ("healthy", {kind})

"""Handlers that stand in no file are the user's: made by ``exec``, or typed at a prompt."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

STARLETTE = """
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect
names = {"WebSocketDisconnect": WebSocketDisconnect}
exec(SOURCE, names)
app = Starlette(routes=[WebSocketRoute("/feed", names["feed"])])
"""
FASTAPI = """
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
app = FastAPI()
names = {"WebSocketDisconnect": WebSocketDisconnect, "WebSocket": WebSocket}
exec(SOURCE.replace("(ws)", "(ws: WebSocket)"), names)
app.websocket("/feed")(names["feed"])
"""
LITESTAR = """
from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
exec(SOURCE.replace("(ws)", "(socket: WebSocket) -> None").replace("ws.", "socket."))
app = Litestar([websocket("/feed")(feed)])
"""
BUG = """
async def feed(ws):
    await ws.accept()
    try:
        while True:
            await ws.receive_text()
    except WebSocketDisconnect:
        pass
    await ws.send_text("bye")
"""
OK = BUG.replace('    await ws.send_text("bye")\n', "")
QUICK = ("--depth", "quick", "--disconnect", "close,abort", "--format", "json")


@pytest.mark.parametrize(
    "app, found",
    [(STARLETTE, "WSD102"), (FASTAPI, "WSD102"), (LITESTAR, "WSD201")],  # Litestar raises by itself
    ids=["starlette", "fastapi", "litestar"],
)
def test_a_handler_made_by_exec_is_the_users(app, found, tmp_path, wsdoctor):
    (tmp_path / "bug.py").write_text(f"SOURCE = {BUG!r}{app}")
    code, out, _ = wsdoctor("check", "bug.py:app", *QUICK)
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["code"], finding["fault"]) == (1, found, "app")
    location = finding["location"]
    assert (location["file"], location["line"], location["function"]) == ("<string>", 9, "feed")
    (tmp_path / "ok.py").write_text(f"SOURCE = {OK!r}{app}")
    code, out, _ = wsdoctor("check", "ok.py:app", *QUICK)
    assert (code, json.loads(out)["findings"]) == (0, [])


@pytest.mark.parametrize("source, found", [(BUG, "[('WSD102', 'app', 'feed')]"), (OK, "[]")])
def test_a_handler_that_was_typed_is_the_users(source, found, tmp_path):
    typed = (
        f"{STARLETTE.replace('exec(SOURCE, names)', '')}{source}\n"
        "app = Starlette(routes=[WebSocketRoute('/feed', feed)])\n"
        "import wsdoctor\n"
        "report = wsdoctor.check(app, kinds=['close'], moments=['idle'])\n"
        "print([(f.code, f.fault, f.location and f.location.function) for f in report.findings])\n"
    ).replace('names["feed"]', "print")
    done = subprocess.run(
        [sys.executable, "-"],
        input=typed,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout.strip() == found, done.stderr

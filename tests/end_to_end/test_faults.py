"""The fault of a finding, seen from outside: the same application with and without a mistake of its own."""

from __future__ import annotations

import json

import pytest

ENDPOINT = """
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import WebSocketRoute

class Base(WebSocketEndpoint):
    encoding = "text"

class Echo(Base):
    async def on_receive(self, websocket, data):
        {body}
{more}
app = Starlette(routes=[WebSocketRoute("/ws", Echo)])
{after}
"""

MIDDLEWARE = """
class Middleware:
    def __init__(self, app):
        self.app = app
    async def __call__(self, scope, receive, send):
        async def watched(message):
            await send(message)
        await self.app(scope, receive, watched)
app = Middleware(app)
"""

READS = """\
    async def on_connect(self, websocket):
        await websocket.accept()
        await websocket.receive_text()
"""

ECHOES = "await websocket.send_text(data)"


def check(wsdoctor, tmp_path, body, more="", after="", *options):
    (tmp_path / "target.py").write_text(ENDPOINT.format(body=body, more=more, after=after))
    code, out, _ = wsdoctor(
        *("check", "target.py:app", "--path", "/ws", "--send", "hello"),
        *("--disconnect", "close,burst", "--ws", "websockets-sansio", *options),
    )
    return code, out


def findings(wsdoctor, tmp_path, body, more="", after=""):
    code, out = check(wsdoctor, tmp_path, body, more, after, "--format", "json")
    report = json.loads(out)
    rows = {
        (case["verdict"], case["moments"]["defective"], case["moments"]["inconclusive"])
        for case in report["cases"]
    }
    return code, [(f["code"], f["fault"], f["severity"]) for f in report["findings"]], rows


@pytest.mark.parametrize("after", ["", MIDDLEWARE], ids=["bare", "middleware"])
def test_what_the_smallest_correct_endpoint_shows_as_well_fails_no_build(wsdoctor, tmp_path, after):
    code, found, rows = findings(wsdoctor, tmp_path, ECHOES, "", after)
    assert (code, found) == (0, [("WSD201", "framework", "info")])
    assert {verdict for verdict, *_ in rows} == {"healthy"}
    assert all(defective == inconclusive == 0 for _, defective, inconclusive in rows)


def test_the_text_says_what_it_was_compared_with(wsdoctor, tmp_path):
    code, out = check(wsdoctor, tmp_path, ECHOES)
    said = " ".join(out.split())
    assert code == 0
    assert "info fault: framework route: /ws" in said
    assert "the smallest correct Starlette endpoint class shows the same" in said
    assert "websockets-sansio" in said


@pytest.mark.parametrize(
    "body, more, code",
    [
        (ECHOES, READS, "WSD201"),  # in another hook, by another call
        ("await websocket.receive_text()", "", "WSD201"),
        ("[][0]", "", "WSD602"),  # raised by the user's own code
    ],
)
def test_a_mistake_in_the_same_place_is_the_users(wsdoctor, tmp_path, body, more, code):
    exit_code, found, rows = findings(wsdoctor, tmp_path, body, more)
    assert exit_code == 1
    assert (code, "app", "error") in found
    assert "defective" in {verdict for verdict, *_ in rows}


def test_a_replay_decides_as_the_check_did(wsdoctor, tmp_path):
    code, _ = check(wsdoctor, tmp_path, ECHOES, "", "", "--report", "json=report.json")
    assert code == 0
    (finding,) = json.loads((tmp_path / "report.json").read_text())["findings"]
    code, out, _ = wsdoctor("replay", finding["replay"], "target.py:app", "--send", "hello")
    assert code == 0
    assert "FIXED" in out
    code, out, _ = wsdoctor("replay", "report.json")
    assert "STILL FAILING" in out


STREAM = """
from collections.abc import AsyncGenerator
from litestar import Litestar, websocket_stream

class Price:
    pass

@websocket_stream("/ws")
async def prices() -> AsyncGenerator[Price, None]:
    yield "first"
    yield Price()

app = Litestar([prices])
"""


def test_what_the_framework_cannot_use_came_from_the_users_stream(wsdoctor, tmp_path):
    """Nothing of the user's is in the traceback, and the smallest correct stream does nothing of the kind."""
    (tmp_path / "target.py").write_text(STREAM)
    code, out, _ = wsdoctor(
        *("check", "target.py:app", "--format", "json", "--ws", "wsproto"),
        *("--disconnect", "close"),
    )
    found = {f["code"]: f for f in json.loads(out)["findings"]}
    assert code == 1
    assert (found["WSD603"]["fault"], found["WSD603"]["severity"]) == ("app", "error")
    assert found["WSD603"]["location"]["function"] == "prices"
    assert {f["fault"] for name, f in found.items() if name != "WSD603"} <= {"framework", "server"}


ECHO = """
from litestar import Litestar, WebSocket, websocket

def passing_on(app):
    async def middleware(scope, receive, send):
        await app(scope, receive, send)
    return middleware

@websocket("/echo", middleware=[passing_on])
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_data("text"):
        await socket.send_text(text)

app = Litestar([echo], openapi_config=None)
"""


def test_a_lost_race_that_makes_the_framework_break_the_protocol_is_the_handlers(
    wsdoctor, tmp_path
):
    """Below a middleware Litestar answers the OSError of a refused send, and then that of its answer.

    The second answer is forbidden, and the log has it: the handler should have caught the first.
    """
    (tmp_path / "target.py").write_text(ECHO)
    options = ("--disconnect", "burst", "--ws", "wsproto", "--no-bystander", "--format", "json")
    code, out, _ = wsdoctor("check", "target.py:app", *options)
    report = json.loads(out)
    found = [(item["code"], item["fault"], item["severity"]) for item in report["findings"]]
    assert (code, found) == (1, [("WSD201", "app", "error")])
    assert report["findings"][0]["symptoms"] == ["WSD103"]
    assert {case["markers"]["unexpected_asgi_message"] for case in report["cases"]} == {"logged"}

"""``wsdoctor triage``, on what a real server logs."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import shlex

import pytest

import wsdoctor as package
from tests.triage.test_triage import LOG
from wsdoctor.engine.catalogue import find_variant
from wsdoctor.recording.case import Case, Handshake
from wsdoctor.session.run import SessionTarget, run_case
from wsdoctor.target import TargetSpec, load


@contextlib.contextmanager
def written(logger: str):
    """What a plain handler writes of ``logger``, while wsdoctor captures records beside it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s:     %(message)s"))
    original = logging.Logger.callHandlers

    def tee(self: logging.Logger, record: logging.LogRecord) -> None:
        if self.name.startswith(logger):
            handler.emit(record)
        original(self, record)

    logging.Logger.callHandlers = tee  # type: ignore[method-assign]
    try:
        yield stream
    finally:
        logging.Logger.callHandlers = original  # type: ignore[method-assign]


def test_the_log_of_a_real_session_leads_to_the_rule_that_check_finds(tmp_path, wsdoctor):
    variant = find_variant("naive")
    target = load(TargetSpec(f"{variant.path}:app"))
    subject = SessionTarget(target.build(), target.framework, target.user_code)
    case = Case(
        route="/ws",
        server="uvicorn:websockets",
        kind="close",
        moment="after:2",
        handshake=Handshake(path="/ws"),
    )
    with written("uvicorn") as stream:
        run_case(case, subject)
    (tmp_path / "server.log").write_text(stream.getvalue())
    code, out, err = wsdoctor("triage", "server.log", "--target", "shop:app")
    assert (code, err) == (1, "")
    assert "1 x  WSD201 unhandled-disconnect" in out
    assert "naive.py" in out
    assert "            wsdoctor check shop:app\n            wsdoctor explain WSD201\n" in out
    assert "--select" not in out
    assert package.__version__


def test_nothing_found_and_what_cannot_be_read(tmp_path, wsdoctor):
    (tmp_path / "quiet.log").write_text("INFO: nothing\n")
    assert wsdoctor("triage", "quiet.log") == (
        0,
        "no disconnect error found\nwhat a single message means: wsdoctor explain 'MESSAGE'\n",
        "",
    )
    code, out, err = wsdoctor("triage", "missing.log")
    assert (code, out) == (2, "")
    assert "triage cannot read 'missing.log': No such file" in err
    (tmp_path / "one.log").write_text(LOG)
    code, out, _ = wsdoctor("triage", "one.log", "--format", "json")
    assert (code, '"code": "WSD201"' in out) == (1, True)


WS = """\
import asyncio

from fastapi import APIRouter, WebSocket

router = APIRouter()


@router.websocket("/prices")
async def prices(socket: WebSocket):
    await socket.accept()
    while True:
        await socket.receive_text()
"""
MAIN = """\
from fastapi import FastAPI

from shop.ws import router

app = FastAPI()
app.include_router(router, prefix="/api")
"""
PRODUCTION = """\
web-1  | INFO:     10.0.0.7:52000 - "WebSocket /api/prices" [accepted]
web-1  | ERROR:    Exception in ASGI application
web-1  | Traceback (most recent call last):
web-1  |   File "/usr/local/lib/python3.12/site-packages/uvicorn/protocols/websockets/wsproto_impl.py", line 362, in run_asgi
web-1  |     result = await self.app(self.scope, self.receive, self.send)
web-1  |   File "/app/src/shop/ws.py", line 12, in prices
web-1  |     await socket.receive_text()
web-1  |   File "/usr/local/lib/python3.12/site-packages/starlette/websockets.py", line 120, in _raise_on_disconnect
web-1  |     raise WebSocketDisconnect(message["code"], message.get("reason"))
web-1  | starlette.websockets.WebSocketDisconnect: (1001, '')
"""


@pytest.fixture
def shop(tmp_path):
    """A project whose production lies elsewhere."""
    folder = tmp_path / "backend" / "shop"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "ws.py").write_text(WS)
    (folder / "main.py").write_text(MAIN)
    (tmp_path / "production.log").write_text(PRODUCTION)
    return tmp_path


def commands(out: str, verb: str) -> list[str]:
    return [
        line.strip() for line in out.splitlines() if line.strip().startswith(f"wsdoctor {verb}")
    ]


def test_a_path_of_production_leads_to_a_file_here_and_to_a_command_that_runs(shop, wsdoctor):
    code, out, err = wsdoctor("triage", "production.log")
    assert (code, err) == (1, "")
    assert "1 x  WSD201 unhandled-disconnect  backend/shop/ws.py:12 in prices" in out
    assert "in the log: /app/src/shop/ws.py:12" in out
    (command,) = commands(out, "check")
    assert command == "wsdoctor check backend/shop/main.py:app --path /api/prices"
    quick = ("--depth", "quick", "--ws", "wsproto", "--disconnect", "close", "--format", "json")
    code, out, err = wsdoctor(*shlex.split(command)[1:], *quick)
    assert code == 1, err
    (finding,) = json.loads(out)["findings"]
    assert (finding["code"], finding["location"]["file"]) == ("WSD201", "backend/shop/ws.py")


def test_the_settings_say_what_to_check_if_they_do(shop, wsdoctor):
    (shop / "wsdoctor.toml").write_text('target = "shop.main:app"\napp-dir = "backend"\n')
    _, out, _ = wsdoctor("triage", "production.log")
    assert commands(out, "check") == ["wsdoctor check --path /api/prices"]


def test_several_files_that_may_be_meant_are_listed(shop, wsdoctor):
    copy = shop / "old" / "shop"
    copy.mkdir(parents=True)
    (copy / "ws.py").write_text(WS)
    _, out, _ = wsdoctor("triage", "production.log")
    assert "WSD201 unhandled-disconnect  /app/src/shop/ws.py:12 in prices" in out
    assert "ambiguous here: backend/shop/ws.py, old/shop/ws.py" in out
    code, out, _ = wsdoctor("triage", "production.log", "--format", "json")
    (cause,) = json.loads(out)["causes"]
    assert (cause["place"], cause["places"]) == ("", ["backend/shop/ws.py", "old/shop/ws.py"])
    assert code == 1


def test_triage_takes_a_line_of_a_log_as_well(wsdoctor):
    text = "RuntimeError: Unexpected ASGI message 'websocket.close'"
    code, out, err = wsdoctor("triage", text)
    assert (code, err) == (1, "")
    assert "1 x  WSD101 close-after-disconnect" in out
    assert "can also be WSD201 unhandled-disconnect, WSD103 message-after-close" in out
    assert commands(out, "check") == ["wsdoctor check my.module:app"]
    assert "my.module:app stands for your application" in out
    code, _, err = wsdoctor("triage", "no such file.log")
    assert (code, "triage cannot read 'no such file.log'" in err) == (2, True)


def test_what_may_be_about_anything_is_no_incident_but_is_said(tmp_path, wsdoctor):
    (tmp_path / "server.log").write_text(
        'Traceback (most recent call last):\n  File "/srv/a.py", line 3, in broadcast\n'
        "    for client in clients:\nRuntimeError: Set changed size during iteration\n"
    )
    code, out, _ = wsdoctor("triage", "server.log")
    assert code == 0
    assert out.startswith("no disconnect error found\n")
    assert "at /srv/a.py:3 in broadcast: WSD405 bystander-harmed, if a WebSocket connection" in out


@pytest.mark.parametrize(
    "text, first, others",
    [
        ("Unexpected ASGI message 'websocket.close'", "WSD101 close-after", ["WSD201", "WSD103"]),
        ("starlette.websockets.WebSocketDisconnect: (1001, '')", "WSD201 unhandled", ["WSD202"]),
        (
            'ERROR xx => Cannot call "send" once a close message has been sent.',
            "WSD103",
            ["WSD102"],
        ),
        ("Task was destroyed but it is pending!", "WSD303 task-destroyed-pending", []),
        ('{"log":"RuntimeError: Unexpected ASGI message \'websocket.send\'\\n"}', "WSD102", []),
        (PRODUCTION, "WSD201 unhandled-disconnect", ["WSD202"]),
    ],
)
def test_explain_takes_what_people_paste(shop, wsdoctor, text, first, others):
    code, out, err = wsdoctor("explain", text)
    assert (code, err) == (0, "")
    head, _, next_steps = out.partition("\nNext\n")
    assert f"\n  {first}" in head
    assert all(f"\n  {other} " in head for other in others)
    assert head.index(first) == min(head.index(name) for name in [first, *others])
    assert commands(next_steps, "explain") == [f"wsdoctor explain {first[:6]}"]
    assert commands(next_steps, "check")[0].startswith("wsdoctor check backend/shop/main.py:app")
    assert "--select" not in out


def test_explain_places_what_a_traceback_names(shop, wsdoctor):
    _, out, _ = wsdoctor("explain", PRODUCTION)
    assert "\n  at backend/shop/ws.py:12 in prices\n" in out


def test_explain_says_when_a_text_does_not_show_that_a_websocket_is_concerned(wsdoctor):
    code, out, _ = wsdoctor("explain", "RuntimeError: Set changed size during iteration")
    assert code == 0
    assert "If a WebSocket connection of your ASGI application is concerned, it is probably" in out
    assert "  WSD405 bystander-harmed" in out


def test_explain_takes_words_without_quotes_and_several_rules(wsdoctor):
    _, out, _ = wsdoctor("explain", "Unexpected", "ASGI", "message", "websocket.send")
    assert "  WSD102 send-after-disconnect" in out
    code, out, _ = wsdoctor("explain", "WSD201", "message-after-close")
    assert code == 0
    assert "\nWhat a log may say\n  starlette.websockets.WebSocketDisconnect: (1001, '')\n" in out
    assert [line for line in out.splitlines() if line.startswith("WSD")] == [
        "WSD201 unhandled-disconnect",
        "WSD103 message-after-close",
    ]


@pytest.mark.parametrize(
    "text, near",
    [
        ("KeyError: 'a'", ""),
        (
            (
                "RuntimeError: Unexpected ASGI message 'http.response.start' sent, after response "
                "already completed."
            ),
            "(WSD101)",
        ),
        ("Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'a'", ""),
    ],
)
def test_a_text_that_no_rule_matches_is_reported_as_such(wsdoctor, text, near):
    code, out, err = wsdoctor("explain", text)
    assert (code, out) == (2, "")
    assert err.startswith("wsdoctor: no rule matches this text: ")
    assert near in err
    assert len(err.splitlines()) == 1

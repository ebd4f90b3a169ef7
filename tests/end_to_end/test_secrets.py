"""What the user gives to get past a handshake is in no output, whatever the application does with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from wsdoctor.report.formats import FORMATS

# One check is looked at by all.
pytestmark = pytest.mark.xdist_group("secrets")

ROOT = Path(__file__).parents[2]

SECRETS = {
    "header": "hd-Zx81/q+0",
    "basic": "pass word-77",
    "cookie": "ck=W4t&8\"é'",
    "cookie header": "jar-5511",
    "query": "qy s/e&c=r?3t",
    "${ENV}": "env:Tok~n/42",
    "${ENV} of a route": "own-$Sesame$",
}

APP = """
import asyncio
import base64
import json
import logging
import os
import sys
import urllib.parse
import warnings

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

if os.environ.get("BREAK"):
    print("starting with", os.environ["WS_TOKEN"])
    raise RuntimeError("cannot start with " + os.environ["WS_TOKEN"])

log = logging.getLogger("shop")


def known(socket):
    basic = socket.headers.get("proxy-authorization", " ").split(" ")[1]
    return [
        socket.headers.get("authorization", ""),
        base64.b64decode(basic).decode(),
        *socket.cookies.values(),
        *socket.query_params.values(),
        *socket.path_params.values(),
        *socket.scope["subprotocols"],
        socket.headers.get("x-token", ""),
    ]


def forms(texts):
    for text in filter(None, texts):
        yield from (text, repr(text), json.dumps(text), urllib.parse.quote(text, safe=""))
        yield from (urllib.parse.quote_plus(text), base64.b64encode(text.encode()).decode())
        yield base64.urlsafe_b64encode(b"user:" + text.encode()).decode()
        yield text.encode().hex()


async def feed(socket):
    told = list(forms(known(socket)))
    await socket.accept(subprotocol=(socket.scope["subprotocols"] or [None])[0])
    print("told", told)
    print("told", told, file=sys.stderr)
    for text in told:
        log.error("told: %s", text)
        warnings.warn("told: " + text)
        await socket.send_text("told: " + text)
    first = await socket.receive_text()
    told.append(first)

    async def stream():
        while True:
            await socket.send_text(json.dumps(told))
            await asyncio.sleep(1)

    task = asyncio.create_task(stream(), name="told: " + told[0])
    try:
        while True:
            told.append(await socket.receive_text())
    except WebSocketDisconnect:
        raise ValueError("told: " + " ".join(told)) from KeyError(told[0])


app = Starlette(
    routes=[WebSocketRoute("/feed", feed), WebSocketRoute("/rooms/{room}", feed)]
)
"""

SETTINGS = """
target = "app.py:app"
servers = ["wsproto", "websockets"]
disconnects = ["close", "abort"]
baseline = "known.json"
script = ['send-json {"token": "${WS_TOKEN}"}']

[headers]
X-Token = "Token ${WS_TOKEN}"

[routes."/rooms/{room}"]
subprotocols = ["v1.${WS_OWN}"]
path-params = { room = "${WS_OWN}" }
script = ["send hello ${WS_OWN}"]
headers = { X-Token = "${WS_OWN}" }
"""

BASIC = b64encode(f"ann:{SECRETS['basic']}".encode()).decode()
GIVEN = (
    *("-H", f"Authorization: Bearer {SECRETS['header']}"),
    *("-H", f"Proxy-Authorization: Basic {BASIC}"),
    *("-H", f"Cookie: jar={SECRETS['cookie header']}; theme=dark"),
    *("--cookie", f"session={quote(SECRETS['cookie'], safe='')}"),
    *("--query", f"?t={quote_plus(SECRETS['query'])}"),
)


def forms(secret):
    data = secret.encode()
    yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret))
    yield from (json.dumps(secret)[1:-1], repr(secret)[1:-1], data.hex())
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(data).decode().rstrip("=")[:-1]  # the last letter depends on what follows
        yield encode(b"user:" + data).decode()[7:-4]


def search(text):
    """The secrets that are in ``text``, by what they were given as."""
    return {
        name: form for name, secret in SECRETS.items() for form in forms(secret) if form in text
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "app.py").write_text(APP)
    (folder / "wsdoctor.toml").write_text(SETTINGS)
    (folder / "empty.json").write_text('{"wsdoctor_baseline": 1, "findings": []}')
    return folder


@pytest.fixture(scope="module")
def run(project):
    def run(*arguments, **environment):
        base = {k: v for k, v in os.environ.items() if k not in {"GITHUB_ACTIONS", "FORCE_COLOR"}}
        done = subprocess.run(
            [sys.executable, "-m", "wsdoctor", *arguments],
            cwd=project,
            env=base
            | {"PYTHONPATH": str(ROOT), "COLUMNS": "400", "NO_COLOR": "1"}
            | {"WS_TOKEN": SECRETS["${ENV}"], "WS_OWN": SECRETS["${ENV} of a route"]}
            | environment,
            capture_output=True,
            timeout=300,
            check=False,
        )
        said = done.stdout.decode() + done.stderr.decode()
        assert search(said) == {}
        return done.returncode, said

    return run


@pytest.fixture(scope="module")
def checked(project, run):
    """A check with every report, as it runs on GitHub."""
    files = [("--report", f"{form}=report.{form}") for form in FORMATS]
    code, said = run(
        *("check", *GIVEN, *(word for pair in files for word in pair), "-v"),
        *("--depth", "quick", "--baseline", "empty.json", "--no-bystander"),
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=str(project / "report.summary"),
    )
    assert code == 1, said
    return said


def test_the_application_told_them_all(checked, project):
    assert checked.count("***") > 3 * len(SECRETS)
    assert "told: ***" in checked


@pytest.mark.parametrize("form", [*FORMATS, "summary"])
def test_no_report_holds_one(checked, project, form):
    text = (project / f"report.{form}").read_text(encoding="utf-8")
    assert search(text) == {}
    assert "***" in text


def test_no_baseline_holds_one(run, project):
    code, said = run("check", *GIVEN, "--depth", "quick", "--no-bystander", "--baseline-update")
    assert code == 0, said
    text = (project / "known.json").read_text(encoding="utf-8")
    assert search(text) == {}
    assert "told: ***" in text


def test_no_shard_holds_one_and_what_is_merged_neither(run, project):
    for number in (1, 2):
        code, said = run(
            *("check", "app.py:app", *GIVEN, "--shard", f"{number}/2"),
            *("--report", f"json={number}.json", "--depth", "quick", "--disconnect", "close"),
            *("--no-bystander", "--baseline", "empty.json", "--query", "kind=close"),
        )
        assert code in {0, 1}, said
        assert search((project / f"{number}.json").read_text()) == {}
    code, said = run("merge", "1.json", "2.json", "--baseline", "empty.json", "--format", "json")
    assert code == 1
    assert {case["kind"] for case in json.loads(said)["cases"]} == {"close"}


def test_the_settings_are_shown_without_them(run):
    code, said = run("check", *GIVEN, "--show-settings", "--baseline", "empty.json")
    assert code == 0
    assert 'routes."/rooms/{room}".path-params.room = ***' in said
    assert 'routes."/rooms/{room}".subprotocols = v1.***' in said


@pytest.mark.parametrize("route", ["/feed", "/rooms/{room}"])
def test_a_replay_says_none_and_asks_for_them(checked, run, project, route):
    report = json.loads((project / "report.json").read_text())
    finding = next(f for f in report["findings"] if f["route"] == route)
    (project / "one.json").write_text(json.dumps(report | {"findings": [finding]}))
    code, said = run("replay", "one.json", *GIVEN)
    assert (code, said.startswith("STILL FAILING")) == (1, True)
    code, said = run("replay", finding["replay"], *GIVEN)
    assert (code, said.startswith("STILL FAILING")) == (1, True)
    (project / "bare.toml").write_text("")
    code, said = run("replay", "one.json", *GIVEN, "--config", "bare.toml")
    assert (code, "the report does not hold " in said) == (2, True)


@pytest.mark.parametrize("route", ["/feed", "/rooms/{room}"])
def test_an_emitted_test_reads_them_from_its_environment_and_fails(checked, run, project, route):
    report = json.loads((project / "report.json").read_text())
    finding = next(f for f in report["findings"] if f["route"] == route)
    code, said = run(
        *("replay", finding["replay"], *GIVEN, "--code", finding["code"]),
        *("--emit", "pytest", "-o", "test_bug.py"),
    )
    assert code == 1, said
    text = (project / "test_bug.py").read_text()
    assert search(text) == {}
    token, own = SECRETS["${ENV}"], SECRETS["${ENV} of a route"]
    given = {
        "AUTHORIZATION": f"Bearer {SECRETS['header']}",
        "PROXY_AUTHORIZATION": f"Basic {BASIC}",
        "COOKIE": f"jar={SECRETS['cookie header']}; session={quote(SECRETS['cookie'], safe='')}",
        "T": SECRETS["query"],
        "X_TOKEN": own if "room" in route else f"Token {token}",
        "MESSAGE_1": f"hello {own}" if "room" in route else json.dumps({"token": token}),
        "REQUEST_PATH": f"/rooms/{quote(own, safe='')}",
        "SUBPROTOCOL": f"v1.{own}",
    }
    read = {name for name in given if f'os.environ["{name}"]' in text}
    assert ("REQUEST_PATH" in read, "MESSAGE_1" in read) == ("room" in route, True)
    environment = os.environ | given | {"WS_TOKEN": token, "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_bug.py"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed" in done.stdout


@pytest.mark.parametrize(
    "arguments, code, environment",
    [
        (("check", *GIVEN), 2, {"BREAK": "1"}),
        (("check", *GIVEN, "--debug"), 2, {"BREAK": "1"}),
        (("check", *GIVEN, "extra", SECRETS["header"]), 2, {}),
        (("check", "app.py:app", "-H", "Authorization:", "Bearer", SECRETS["header"]), 2, {}),
        (("check", "-H", f"Bad Name: {SECRETS['header']}"), 2, {}),
        (("check", "-H", f"Upgrade: {SECRETS['header']}"), 2, {}),
        (("check", "-H", SECRETS["header"]), 2, {}),
        (("check", "--cookie", SECRETS["cookie"].replace("=", "-")), 2, {}),
        (("check", "--query", "?" + SECRETS["query"].replace("=", "-")), 2, {}),
        (("check", *GIVEN, "--ws", SECRETS["query"]), 2, {}),
        (("check", *GIVEN, "--path", f"/{SECRETS['${ENV}']}"), 2, {}),
        (("check", *GIVEN, "--driver", f"{SECRETS['${ENV}']}.py:drive"), 2, {}),
        (("replay", "/feed close@nowhere uvicorn:wsproto", *GIVEN), 2, {}),
        (("check", *GIVEN, "--script", f"say {SECRETS['${ENV}']}"), 2, {}),
    ],
)
def test_no_error_message_holds_one(run, arguments, code, environment):
    found, said = run(*arguments, **environment)  # run searches what was said
    assert found == code, said
    assert "Traceback" not in said or "BREAK" in environment

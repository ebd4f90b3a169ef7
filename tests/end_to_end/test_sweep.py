"""The sweep, its processes and shards, and the replay of what it found: through the command line."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest

NARROW = ("--ws", "websockets-sansio,websockets", "--disconnect", "close,abort,stall")
FEED = """
import asyncio
from contextlib import asynccontextmanager
from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect


async def stream(socket: WebSocket) -> None:
    try:
        while True:
            await socket.send_text("tick")
            await asyncio.sleep(1)
    except (WebSocketDisconnect, OSError):
        pass


@asynccontextmanager
async def lifespan(socket: WebSocket):
    await socket.accept()
    task = asyncio.create_task(stream(socket))
    try:
        yield
{caught}    finally:
        task.cancel()
        await asyncio.wait([task])


@websocket_listener("/feed", connection_lifespan=lifespan)
async def feed(data: str) -> str:
    return data


app = Litestar([feed])
"""
BUG = FEED.replace("{caught}", "")
FIXED = FEED.replace("{caught}", "    except WebSocketDisconnect:\n        pass\n")


@pytest.fixture
def feed(tmp_path):
    (tmp_path / "bug.py").write_text(BUG)
    (tmp_path / "fixed.py").write_text(FIXED)
    return tmp_path


@pytest.fixture
def check(wsdoctor):
    def run(*arguments):
        code, out, err = wsdoctor("check", *arguments, *NARROW, "--format", "json")
        return code, json.loads(out) if out else None, err

    return run


def without_circumstances(report):
    return {k: v for k, v in report.items() if k not in {"command", "duration_seconds", "shard"}}


def test_check_disconnects_at_every_moment_and_every_await(feed, check):
    code, report, _ = check("fixed.py:app")
    assert (code, report["verdict"]) == (0, "healthy")
    assert {case["moment"] for case in report["cases"]} == {"*"}
    assert len(report["cases"]) == 6
    assert report["coverage"]["moments"]["covered"] == report["coverage"]["moments"]["total"] > 60
    functions = {point["function"] for point in report["coverage"]["awaits"]}
    assert functions == {"stream", "lifespan"}
    assert all(point["covered"] for point in report["coverage"]["awaits"])


def test_the_number_of_processes_makes_no_difference(feed, check):
    reports = [check("bug.py:app", "--workers", count)[1] for count in ("1", "2")]
    assert without_circumstances(reports[0]) == without_circumstances(reports[1])
    assert reports[0]["verdict"] == "defective"


def test_shards_put_together_are_one_run(feed, check, wsdoctor):
    for number in (1, 2, 3):
        code, report, _ = check("bug.py:app", "--shard", f"{number}/3")
        assert report["shard"]["number"] == number
        (feed / f"{number}.json").write_text(json.dumps(report))
    code, out, _ = wsdoctor("merge", "3.json", "1.json", "2.json", "--format", "json")
    _, whole, _ = check("bug.py:app")
    assert code == 1
    assert without_circumstances(json.loads(out)) == without_circumstances(whole)


def test_a_shard_that_is_missing_is_no_pass(feed, check, wsdoctor):
    code, report, _ = check("fixed.py:app", "--shard", "1/2")
    assert code == 0
    _, schema, _ = wsdoctor("schema")
    jsonschema.validate(report, json.loads(schema))
    (feed / "1.json").write_text(json.dumps(report))
    code, out, _ = wsdoctor("merge", "1.json")
    assert code == 5
    assert "shard 2/2 is missing" in out


@pytest.mark.parametrize(
    "prepare, files, sentence",
    [
        ((), ("nowhere.json",), "merge cannot read 'nowhere.json'"),
        ((), ("bug.py",), "bug.py is no JSON report"),
        (("all",), ("all.json",), "all.json is the report of a whole run"),
        (("1/2",), ("1_2.json", "1_2.json"), "shard 1/2 was given twice"),
        (("1/2", "2/3"), ("1_2.json", "2_3.json"), "the number of shards is 2 in one and 3"),
    ],
)
def test_what_cannot_be_merged_is_said_in_a_sentence(feed, wsdoctor, prepare, files, sentence):
    for shard in prepare:
        wsdoctor(
            *("check", "fixed.py:app", "--ws", "wsproto", "--disconnect", "close,abort"),
            *(() if shard == "all" else ("--shard", shard)),
            *("--report", f"json={shard.replace('/', '_')}.json"),
        )
    code, out, err = wsdoctor("merge", *files)
    assert (code, out) == (2, "")
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_what_the_time_did_not_allow_is_said_and_is_no_pass(feed, check):
    code, report, _ = check("fixed.py:app", "--max-time", "0.001", "--no-made-up-message")
    assert (code, report["verdict"]) == (5, "inconclusive")
    (note,) = report["notes"]
    assert note == "fixed.py:app was not imported yet: the 0.001 s that --max-time gives were over"


@pytest.mark.parametrize(
    "option, value",
    [
        ("--workers", "many"),
        ("--workers", "0"),
        ("--shard", "3"),
        ("--shard", "4/3"),
        ("--max-time", "0"),
    ],
)
def test_values_that_mean_nothing_are_said_in_a_sentence(feed, wsdoctor, option, value):
    code, out, err = wsdoctor("check", "fixed.py:app", option, value)
    assert (code, out) == (2, "")
    assert option in err
    assert len(err.splitlines()) == 1


# --- replay


@pytest.fixture
def case(feed, wsdoctor):
    """The case to replay of what was found in bug.py, which report.json tells of."""
    code, _, _ = wsdoctor(
        *("check", "bug.py:app", "--ws", "websockets", "--disconnect", "close,abort"),
        *("--report", "json=report.json"),
    )
    assert code == 1
    return json.loads((feed / "report.json").read_text())["findings"][0]["replay"]


def test_a_replay_says_whether_it_is_fixed(feed, case, wsdoctor):
    code, out, _ = wsdoctor("replay", case, "bug.py:app")
    assert (code, out.splitlines()[0]) == (1, f"STILL FAILING  {case}")
    assert "WSD201 unhandled-disconnect" in out
    code, out, _ = wsdoctor("replay", case, "fixed.py:app")
    assert (code, _moments(out)) == (0, f"FIXED  {case} it fails at none of N moments")

    code, out, _ = wsdoctor("replay", "report.json")
    assert (code, out.splitlines()[0]) == (1, f"STILL FAILING  {case}")
    (feed / "bug.py").write_text(FIXED)
    code, out, _ = wsdoctor("replay", "report.json")
    assert (code, _moments(out)) == (0, f"FIXED  {case} it fails at none of N moments")


def _moments(out: str) -> str:
    """The output in one line, whatever the number of moments."""
    return re.sub(r"\d+ moments", "N moments", " ".join(out.split())).replace("FIXED ", "FIXED  ")


RELAY = """
import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect


async def relay(ws):
    await ws.accept()
    queue = asyncio.Queue()

    async def inbound():
        async for text in ws.iter_text():
            queue.put_nowait(text)

    async def outbound():
        while True:
            await ws.send_text(await queue.get())

    await asyncio.gather(inbound(), outbound())


app = Starlette(routes=[WebSocketRoute("/ws", relay)])
"""


def test_one_moment_that_is_mended_is_not_the_finding(tmp_path, wsdoctor):
    """An `except` mends the moments at which an exception escapes; at all others it still hangs."""
    (tmp_path / "relay.py").write_text(RELAY)
    options = ("--send", "a", "--ws", "wsproto", "--disconnect", "close")
    wsdoctor("check", "relay.py:app", *options, "--report", "ndjson=all.ndjson")
    lines = map(json.loads, (tmp_path / "all.ndjson").read_text().splitlines())
    escapes = next(line["id"] for line in lines if line.get("codes") == ["WSD201"])
    mended = RELAY.replace(
        "    await asyncio.gather(inbound(), outbound())",
        "    try:\n        await asyncio.gather(inbound(), outbound())\n"
        "    except WebSocketDisconnect:\n        pass",
    )
    (tmp_path / "relay.py").write_text(mended)
    code, out, _ = wsdoctor("replay", escapes, "relay.py:app", "--send", "a")
    assert (code, out.splitlines()[0]) == (1, f"STILL FAILING  {escapes}")
    assert re.search(r"it fails at \d+ of \d+ moments", out)
    assert "WSD402 handler-hangs" in out


def test_an_id_survives_unrelated_edits(feed, case, wsdoctor):
    (feed / "bug.py").write_text(
        "import logging\n\n\ndef helper(text):\n    return text.upper()\n"
        + BUG.replace(
            "return data", 'logging.getLogger(__name__).info("got %s", data)\n    return data'
        )
    )
    code, out, _ = wsdoctor("replay", case, "bug.py:app")
    assert (code, out.splitlines()[0]) == (1, f"STILL FAILING  {case}")


@pytest.mark.parametrize(
    "case, reason",
    [
        ("/feed close@send#9+1 uvicorn:wsproto", "the moment send#9+1 was not reached"),
        ("/nowhere close@after:1 uvicorn:wsproto", "has no WebSocket route /nowhere"),
    ],
)
def test_what_cannot_be_replayed_is_no_pass(feed, wsdoctor, case, reason):
    code, out, _ = wsdoctor("replay", case, "fixed.py:app")
    assert (code, out.splitlines()[0]) == (5, f"CANNOT REPLAY  {case}")
    assert reason in " ".join(out.split())


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("nonsense", "fixed.py:app"), "'nonsense' is no id of a case"),
        (("/feed close@never uvicorn:wsproto", "fixed.py:app"), "unknown moment 'never'"),
        (("/feed leave@after:1 uvicorn:wsproto", "fixed.py:app"), "unknown kind of disconnect"),
        (("gone.json",), "replay cannot read 'gone.json'"),
        (("fixed.py",), "fixed.py is no JSON report"),
        (("/feed close@after:1 wsproto", "fixed.py:app", "--variant", "naive"), "--variant stands"),
        (("/feed close@after:1 wsproto", "missing.py:app"), "missing.py"),
    ],
)
def test_a_replay_that_makes_no_sense_is_said_in_a_sentence(feed, wsdoctor, arguments, sentence):
    code, out, err = wsdoctor("replay", *arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err


def test_a_variant_is_replayed_by_its_name(wsdoctor):
    code, out, _ = wsdoctor(
        "replay", "/ws abort@after:2 websockets", "--variant", "published-recipe"
    )
    assert code == 1
    assert "WSD501" in out
    code, out, _ = wsdoctor("replay", "/ws abort@after:2 websockets", "--variant", "fixed")
    said = "FIXED  /ws abort@after:2 uvicorn:websockets it fails at none of N moments"
    assert (code, _moments(out)) == (0, said)


LOCKED = """
from litestar import Litestar, WebSocket, websocket


@websocket("/locked")
async def locked(socket: WebSocket) -> None:
    if socket.headers.get("x-key") != "s3" or socket.query_params.get("room") != "private-room":
        await socket.close()
        return
    await socket.accept()
    while True:
        await socket.send_text("tick" + await socket.receive_text())


app = Litestar([locked])
"""


def test_a_report_for_a_replay_holds_no_secret_and_asks_for_it(wsdoctor, tmp_path):
    (tmp_path / "locked.py").write_text(LOCKED)
    keys = ("-H", "X-Key: s3", "--query", "room=private-room")
    narrow = ("--ws", "wsproto", "--disconnect", "close", "--send", "hello")
    for shard in ((), ("--shard", "1/1")):
        code, out, _ = wsdoctor(
            *("check", "locked.py:app", *keys, *narrow, *shard),
            *("--format", "json", "--report", "json=report.json"),
        )
        assert code == 1
        assert '"s3"' not in out
        assert "private-room" not in out
        assert "X-Key" in out

    code, out, err = wsdoctor("replay", "report.json")
    assert (code, out) == (2, "")
    assert "the report does not hold the value of the header X-Key: give it with --header" in err
    code, out, _ = wsdoctor("replay", "report.json", *keys)
    assert code == 1
    assert out.startswith("STILL FAILING  /locked close@")


def test_a_replay_can_be_taken_along_as_a_test(feed, case, wsdoctor):
    code, out, err = wsdoctor("replay", "report.json", "--emit", "pytest")
    assert (code, err) == (1, f"wsdoctor: STILL FAILING: {case}\n")
    compile(out, "test_bug.py", "exec")
    assert "from bug import app" in out
    assert "wsdoctor" not in out

    assert wsdoctor("replay", case, "bug.py:app", "--emit", "pytest", "-o", "t.py")[:2] == (1, "")
    assert (feed / "t.py").read_text() == out
    code, out, err = wsdoctor("replay", case, "fixed.py:app", "--emit", "pytest")
    assert (code, out) == (2, "")
    assert "there is nothing to reproduce" in err


# --- what two runs of the same case show

COIN = """
import itertools, pathlib
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

visits = pathlib.Path(__file__).with_suffix(".visits")


async def ws(socket: WebSocket) -> None:
    number = len(visits.read_text()) if visits.exists() else 0
    visits.write_text("x" * (number + 1))
    await socket.accept()
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    if number and number % 3 == 0:
        await socket.close()


app = Starlette(routes=[WebSocketRoute("/ws", ws)])
"""


def test_a_case_that_is_not_the_same_twice_is_said_to_be_so(wsdoctor, tmp_path):
    """The first three visits see what the handler reaches; the fourth shows the bug, the next two do not."""
    (tmp_path / "coin.py").write_text(COIN)
    code, out, _ = wsdoctor(
        *("check", "coin.py:app", "--ws", "wsproto", "--disconnect", "close"),
        *("--at", "after-accept", "--format", "json"),
    )
    report = json.loads(out)
    (finding,) = report["findings"]
    assert (code, report["verdict"]) == (5, "inconclusive")
    assert finding["severity"] == "info"
    assert finding["confirmed"] == {
        "reproduced": 0,
        "of": 2,
        "on_real_sockets": False,
        "test": "not-run",
        "note": "",
    }
    said = "\n".join(finding["evidence"])
    assert "two runs of the case were not the same: event " in said
    assert "on real sockets it did not come up again: inconclusive" in said
    assert finding["fingerprint"] in report["other_runs"]


THREAD = """
import socket, threading, time
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
import asyncio


async def ws(websocket: WebSocket) -> None:
    await websocket.accept()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=ours)
    writer.write(b"select")
    threading.Timer(0.05, theirs.sendall, (b"row",)).start()
    await reader.readexactly(3)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        writer.close()
        theirs.close()


app = Starlette(routes=[WebSocketRoute("/ws", ws)])
"""


def test_real_time_that_the_application_took_is_said(wsdoctor, tmp_path):
    (tmp_path / "database.py").write_text(THREAD)
    code, out, _ = wsdoctor(
        *("check", "database.py:app", "--ws", "wsproto", "--disconnect", "close"),
        *("--at", "idle", "--format", "json"),
    )
    assert code == 0
    (note,) = json.loads(out)["notes"]
    assert note == (
        "/ws: real time was spent in 1 of 1 cases: the application has threads, sockets or "
        "processes of its own"
    )


def test_a_sweep_that_is_asked_for_nothing_but_the_time_before_the_accept(wsdoctor, tmp_path):
    (tmp_path / "restless.py").write_text(RESTLESS)
    _, out, _ = wsdoctor(
        *("check", "restless.py:silent", "--ws", "wsproto", "--disconnect", "before-accept"),
        *("--format", "json"),
    )
    assert "before-accept" in {case["kind"] for case in json.loads(out)["cases"]}


RESTLESS = """
import asyncio
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket


async def flood(ws: WebSocket) -> None:
    await ws.accept()
    while True:
        await ws.send_text("x" * 100)


async def spin(ws: WebSocket) -> None:
    await ws.accept()
    listening = asyncio.create_task(ws.receive())
    while not listening.done():
        await asyncio.sleep(0)


async def silent(ws: WebSocket) -> None:
    await asyncio.Event().wait()


flood, spin, silent = (Starlette(routes=[WebSocketRoute("/ws", f)]) for f in (flood, spin, silent))
"""


@pytest.mark.parametrize(
    "name, expected, note",
    [
        ("flood", (5, "inconclusive"), "the handler sends without ever waiting"),
        ("spin", (0, "healthy"), "the handler is never at rest, so up to"),
        ("silent", (1, "defective"), ""),
    ],
)
def test_a_handler_that_is_never_at_rest_or_never_answers(wsdoctor, tmp_path, name, expected, note):
    (tmp_path / "restless.py").write_text(RESTLESS)
    code, out, err = wsdoctor(
        *("check", f"restless.py:{name}", "--ws", "wsproto", "--disconnect", "close,abort"),
        *("--format", "json"),
    )
    report = json.loads(out)
    assert (code, report["verdict"], err) == (*expected, "")
    assert note in " ".join(report["notes"] + [case["note"] for case in report["cases"]])
    assert all(
        case["moments"] is None or sum(case["moments"].values()) < 200 for case in report["cases"]
    )


HISTORY = """
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

said = []

async def chat(websocket):
    await websocket.accept()
    try:
        while True:
            said.append(await websocket.receive_text())
            await websocket.send_text(f"{len(said)}: {said[-1]}")
    except WebSocketDisconnect:
        pass

app = Starlette(routes=[WebSocketRoute("/chat", chat)])
"""


def test_what_grows_is_reported_at_a_moment_that_is_reached(wsdoctor, tmp_path):
    """The quiet client waits for no message of which the life may have had more than it gets."""
    (tmp_path / "target.py").write_text(HISTORY)
    options = ("--send", "hello", "--disconnect", "close", "--no-bystander", "--format", "json")
    code, out, _ = wsdoctor("check", "target.py:app", *options)
    report = json.loads(out)
    found = [
        (item["code"], item["severity"], item["location"]["line"]) for item in report["findings"]
    ]
    assert (code, found) == (0, [("WSD305", "info", 12)])

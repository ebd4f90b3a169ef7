"""``--probe``: what the application counts by itself is watched, too."""

from __future__ import annotations

import json

import pytest

import wsdoctor as api

APP = """\
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

opened = 0
ever = []
pool = set()


def open_count():
    return opened


def broken():
    return {}["nothing"]


async def handler(websocket: WebSocket) -> None:
    global opened
    pool.add("the first one opens it for all")
    opened += 1
    ever.append("one more")
    await websocket.accept()
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        opened -= 1


app = Starlette(routes=[WebSocketRoute("/ws", handler)])
"""

CASE = ("--disconnect", "close", "--at", "after-accept", "--ws", "wsproto")


@pytest.fixture
def check(wsdoctor, tmp_path):
    (tmp_path / "probed.py").write_text(APP)

    def run(*arguments: str):
        return wsdoctor("check", "probed.py:app", *CASE, *arguments)

    return run


def test_a_probe_that_does_not_come_back_is_found_by_its_name_with_both_values(check, wsdoctor):
    code, out, _ = check("--probe", "probed:ever", "--format", "json")
    (finding,) = json.loads(out)["findings"]
    assert code == 1
    assert finding["code"] == "WSD305"
    assert finding["message"] == (
        "the probe probed:ever was 0 before the connection and is 1 after it"
    )
    code, out, _ = check("--probe", "probed:ever")
    assert "--probe probed:ever" in out, "the replay asks for it, too"
    code, out, _ = wsdoctor(
        *("replay", finding["replay"], "probed.py:app", "--probe", "probed:ever")
    )
    assert (code, "STILL FAILING" in out) == (1, True)


def test_what_comes_back_and_what_the_first_connection_starts_are_no_findings(check):
    code, _, err = check("--probe", "probed:open_count", "--probe", "probed.py:pool")
    assert (code, err) == (0, "")


@pytest.mark.parametrize(
    "probe, said",
    [
        ("probed", "'probed' cannot be read: it names no attribute"),
        ("probed:open_coun", "there is no 'open_coun': did you mean 'open_count'?"),
        ("probes:x", "there is no module 'probes'"),
        ("probed:a b", "is not the name of an attribute"),
    ],
)
def test_a_probe_that_is_none_is_said_in_one_sentence(check, probe, said):
    code, out, err = check("--probe", probe)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_probe_that_raises_leaves_the_case_undecided(check):
    code, out, _ = check("--probe", "probed:broken", "--format", "json")
    (case,) = json.loads(out)["cases"]
    assert code == 5
    assert case["note"] == "the probe probed:broken raised KeyError: 'nothing'"


def test_in_python_a_probe_is_a_function():
    namespace: dict[str, object] = {}
    exec(APP, namespace)  # noqa: S102 - our own text
    ever = namespace["ever"]
    assert isinstance(ever, list)
    report = api.check(
        namespace["app"],  # type: ignore[arg-type]  # it comes from a namespace
        probes=[ever.__len__],
        servers=["wsproto"],
        kinds=["close"],
        moments=["after-accept"],
    )
    assert [finding.code for finding in report.findings] == ["WSD305"]


def test_in_python_a_function_cannot_go_into_another_process():
    with pytest.raises(ValueError, match="'module:attribute'"):
        api.check("probed.py:app", probes=[len])  # type: ignore[list-item]  # the error under test


TWO_ROUTES = APP.replace(
    '[WebSocketRoute("/ws", handler)]',
    '[WebSocketRoute("/ws", handler), WebSocketRoute("/log", handler)]',
)
SETTINGS = """
target = "probed.py:app"
servers = ["wsproto"]
disconnects = ["close"]
moments = ["after-accept"]
probes = ["probed:open_count"]
"""


@pytest.mark.parametrize(
    "own, routes",
    [
        ("", []),
        ("routes.'/log'.probes = ['probed:ever']", ["/log"]),
        ("probes = ['probed:ever']", ["/log", "/ws"]),
    ],
)
def test_in_the_settings_they_are_of_all_routes_or_of_one(wsdoctor, tmp_path, own, routes):
    (tmp_path / "probed.py").write_text(TWO_ROUTES)
    settings = SETTINGS if own.startswith("routes") or not own else SETTINGS.rpartition("probes")[0]
    (tmp_path / "wsdoctor.toml").write_text(settings + own)
    code, out, _ = wsdoctor("check", "--format", "json")
    findings = json.loads(out)["findings"]
    assert code == (1 if routes else 0)
    assert sorted(finding["route"] for finding in findings) == routes
    assert {finding["code"] for finding in findings} <= {"WSD305"}
    code, out, _ = wsdoctor("check", "--probe", "probed.py:pool", "--show-settings")
    shown = [line for line in out.splitlines() if ".probes =" in line or line.startswith("probes")]
    assert shown[0].endswith("probed.py:pool")


def test_a_probe_of_a_route_that_is_none_is_said_in_one_sentence(wsdoctor, tmp_path):
    (tmp_path / "probed.py").write_text(TWO_ROUTES)
    (tmp_path / "wsdoctor.toml").write_text(SETTINGS + "routes.'/log'.probes = ['probed:evr']")
    code, out, err = wsdoctor("check")
    assert (code, out) == (2, "")
    assert "there is no 'evr': did you mean 'ever'?" in err
    assert len(err.splitlines()) == 1

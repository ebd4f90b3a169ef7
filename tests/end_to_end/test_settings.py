"""Settings, suppressions and baselines, through the command line."""

from __future__ import annotations

import json

import pytest

APP = """
import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect


async def prices(socket):
    if socket.headers.get("authorization") != "Bearer opensesame":
        await socket.close(1008)
        return
    await socket.accept()
    while True:
        await socket.receive_text()  # here


async def room(socket):
    await socket.accept()
    try:
        name = await socket.receive_text()
        await socket.send_text(f"{name} {socket.path_params['room']}")
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass


app = Starlette(
    routes=[WebSocketRoute("/prices", prices), WebSocketRoute("/rooms/{room:int}", room)]
)
"""
SETTINGS = """
[tool.wsdoctor]
target = "app.py:app"
disconnects = ["close"]
servers = ["wsproto", "websockets-sansio"]

[tool.wsdoctor.routes."/prices".headers]
Authorization = "Bearer ${WS_TOKEN}"

[tool.wsdoctor.routes."/rooms/{room:int}"]
path-params = { room = "3" }
script = ["send hello", "recv 1"]
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    monkeypatch.setenv("WS_TOKEN", "opensesame")
    return tmp_path


@pytest.fixture
def check(wsdoctor):
    def run(*arguments):
        code, out, err = wsdoctor("check", *arguments, "--format", "json")
        assert "opensesame" not in out + err
        return code, json.loads(out) if out else None, err

    return run


def test_each_route_is_reached_as_the_settings_say(project, check):
    code, report, _ = check()
    assert code == 1
    assert {case["server"] for case in report["cases"]} == {
        "uvicorn:wsproto",
        "uvicorn:websockets-sansio",
    }
    assert {case["route"]: case["verdict"] for case in report["cases"]} == {
        "/prices": "defective",
        "/rooms/{room:int}": "healthy",
    }
    (finding,) = report["findings"]
    assert (finding["code"], finding["location"]["line"]) == ("WSD201", 15)


def test_the_command_line_beats_the_file(project, check):
    _, report, _ = check("--ws", "websockets", "--path", "/rooms/{room:int}")
    assert {case["server"] for case in report["cases"]} == {"uvicorn:websockets"}
    code, report, _ = check("-H", "authorization: Bearer guess", "--path", "/prices")
    assert (code, report["verdict"]) == (4, "nothing-checked")


def test_only_what_is_new_fails_a_build(project, check):
    known = ("--baseline", "known.json")
    assert check(*known)[0] == 2
    assert check(*known, "--baseline-update")[0] == 0
    code, report, _ = check(*known)
    assert (code, report["verdict"], report["findings"]) == (0, "healthy", [])
    assert [item["by"] for item in report["suppressed"]] == ["baseline"]
    source = (project / "app.py").read_text()
    (project / "app.py").write_text(
        source.replace("async def prices", "# moved\n\n\nasync def prices").replace(
            "    except WebSocketDisconnect:\n        pass\n", "    finally:\n        pass\n"
        )
    )
    code, report, _ = check(*known)
    assert code == 1
    assert [item["route"] for item in report["findings"]] == ["/rooms/{room:int}"]


def test_a_comment_with_its_reason_suppresses_and_is_reported_when_it_is_not_needed(project, check):
    source = (project / "app.py").read_text()
    (project / "app.py").write_text(source.replace("# here", "# wsdoctor: ignore[WSD201] known"))
    code, report, _ = check("--path", "/prices")
    assert (code, report["suppressed"][0]["reason"]) == (0, "known")
    (project / "pyproject.toml").write_text(
        SETTINGS.replace('servers = ["wsproto", "websockets-sansio"]', "").replace(
            'disconnects = ["close"]', 'depth = "quick"'
        )
    )
    (project / "app.py").write_text(source.replace("# here", "# wsdoctor: ignore[WSD402]"))
    code, report, _ = check("--path", "/prices")
    assert code == 1
    assert "app.py:15: # wsdoctor: ignore[WSD402] is not needed any more" in " ".join(
        report["notes"]
    )


@pytest.mark.parametrize(
    "change, sentence",
    [
        (("target", "targets"), "pyproject.toml: tool.wsdoctor.targets: there is no such setting"),
        (("/rooms/{room:int}", "/room/{room:int}"), "did you mean '/rooms/{room:int}'?"),
        (('room = "3"', 'rum = "3"'), "no route has a path parameter 'rum'"),
        (
            ("send hello", "say hello"),
            "'say' is no step of a routes./rooms/{room:int}.script setting",
        ),
        (("${WS_TOKEN}", "${NO_TOKEN}"), "the environment has no variable 'NO_TOKEN'"),
        (("Authorization", "Upgrade"), "--header Upgrade cannot be given"),
    ],
)
def test_a_mistake_in_the_settings_is_a_sentence_and_exit_code_two(
    project, check, change, sentence
):
    (project / "pyproject.toml").write_text(SETTINGS.replace(*change))
    code, report, err = check()
    assert (code, report) == (2, None)
    assert sentence in err
    assert "Traceback" not in err


def test_what_holds_can_be_shown_without_running_anything(project, wsdoctor):
    code, out, err = wsdoctor("check", "--show-settings", "--grace", "2")
    assert (code, err) == (0, "")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert lines["target"].endswith("# pyproject.toml")
    assert lines["grace"].endswith("# command line")
    assert lines["depth"].endswith("# default")
    assert lines['routes."/prices".headers.Authorization'].endswith("= ***")
    assert "opensesame" not in out


def test_a_replay_reads_the_settings_too(project, check, wsdoctor):
    _, report, _ = check()
    code, out, err = wsdoctor("replay", report["findings"][0]["replay"])
    assert (code, err) == (1, "")
    assert out.startswith("STILL FAILING")


@pytest.fixture
def shards(wsdoctor, project):
    """Both halves of a check, with the options of each, in 1.json and 2.json."""

    def run(first=(), second=()):
        for number, options in enumerate((first, second), 1):
            code, _, err = wsdoctor(
                *("check", "--shard", f"{number}/2", "--report", f"json={number}.json", *options)
            )
            assert code in {0, 1}, err

    return run


@pytest.fixture
def merge(wsdoctor):
    """What merge says of them."""

    def run(*options):
        code, out, err = wsdoctor("merge", "1.json", "2.json", "--format", "json", *options)
        assert "opensesame" not in out + err
        return code, json.loads(out) if out else None, err

    return run


def test_a_merge_silences_what_check_would(project, shards, merge, check):
    shards()
    code, report, _ = merge()
    assert (code, [f["code"] for f in report["findings"]]) == (1, ["WSD201"])
    assert merge("--ignore", "WSD201")[:1] == (0,)
    assert merge("--select", "WSD3")[:1] == (0,)
    assert merge("--fail-on", "error", "--ignore", "WSD2")[1]["suppressed"][0]["by"] == "ignore"
    assert "did you mean" in merge("--ignore", "WSD2O1")[2]
    code, report, _ = merge("--baseline", "known.json", "--baseline-update")
    assert (code, [item["by"] for item in report["suppressed"]]) == (0, ["baseline"])
    known = (project / "known.json").read_bytes()
    check("--baseline", "whole.json", "--baseline-update")
    assert known == (project / "whole.json").read_bytes()
    settings = project / "pyproject.toml"
    settings.write_text(SETTINGS.replace("[tool.wsdoctor]", '[tool.wsdoctor]\nignore = ["WSD201"]'))
    assert merge()[0] == 0


def test_what_the_shards_suppressed_stays_so(project, shards, merge, check):
    ignore = ("--ignore", "WSD201")
    shards(ignore, ignore)
    code, report, _ = merge()
    assert (code, report["verdict"]) == (0, "healthy")
    assert [item["by"] for item in report["suppressed"]] == ["ignore"]
    shards(ignore)
    assert merge()[0] == 1
    source = (project / "app.py").read_text()
    (project / "app.py").write_text(source.replace("# here", "# wsdoctor: ignore[WSD201] known"))
    shards()
    code, report, _ = merge()
    assert (code, [item["reason"] for item in report["suppressed"]]) == (0, ["known"])
    code, _, err = check("--shard", "1/2", "--baseline", "known.json", "--baseline-update")
    assert (code, "give it to wsdoctor merge" in err) == (2, True)

"""``--report`` in every format, as a user and a CI system have it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jsonschema import Draft4Validator, Draft202012Validator
from junitparser import JUnitXml

from tests.end_to_end.test_check import APPS, marked_line
from wsdoctor.report.formats import FORMATS

ROOT = Path(__file__).parents[2]
SARIF = ROOT / "tests" / "report" / "schemas" / "sarif-2.1.0.json"
SECRETS = {"header": "Bearer-s3cret-A", "cookie": "s3cret-B", "query": "s3cret/C+d e"}


FILE = "services/starlette_app.py"
"""As GitHub and GitLab know it."""


@pytest.fixture
def services(tmp_path):
    """A folder with an application, in a repository."""
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    return Path(shutil.copytree(APPS, tmp_path / "repository" / "services"))


@pytest.fixture
def written(wsdoctor, tmp_path, services):
    """One check of an application with a bug, in every format: (exit code, stdout, folder)."""
    arguments = [f"--report={name}={tmp_path / name}" for name in FORMATS]
    code, out, _ = wsdoctor(
        *("check", "starlette_app.py:app", "--depth", "quick", *arguments), cwd=services
    )
    return code, out, tmp_path


def test_every_report_of_one_run_says_the_same(wsdoctor, written):
    code, out, folder = written
    expected, line = marked_line("starlette_app.py")
    assert code == 1
    assert "verdict: defective" in out

    report = json.loads((folder / "json").read_bytes())
    _, schema, _ = wsdoctor("schema")
    Draft202012Validator(json.loads(schema)).validate(report)

    log = json.loads((folder / "sarif").read_bytes())
    Draft4Validator(json.loads(SARIF.read_bytes())).validate(log)
    (run,) = log["runs"]
    assert run["invocations"][0]["exitCode"] == 1
    result = next(item for item in run["results"] if item["ruleId"] == expected)
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == FILE
    assert place["region"]["startLine"] == line

    (suite,) = JUnitXml.fromstring((folder / "junit").read_bytes())
    cells = {(case["route"], case["kind"], case["server"]) for case in report["cases"]}
    assert suite.tests == len(cells)
    assert suite.failures == len(
        {
            (case["route"], case["kind"], case["server"])
            for case in report["cases"]
            if case["verdict"] == "defective"
        }
    )

    annotations = (folder / "github").read_text(encoding="utf-8")
    assert re.search(
        rf"^::(error|warning) file={FILE},line={line},title={expected} ",
        annotations,
        re.MULTILINE,
    )
    issues = json.loads((folder / "gitlab").read_bytes())
    assert {"path": FILE, "lines": {"begin": line}} in [issue["location"] for issue in issues]

    lines = [json.loads(text) for text in (folder / "ndjson").read_text().splitlines()]
    ran = [item for item in lines if item["type"] == "case"]
    assert sorted(item["id"] for item in ran) == sorted(case["id"] for case in report["cases"])
    assert sum(item["cases"] for item in lines if item["type"] == "planned") == len(ran)
    assert lines[-1]["verdict"] == "defective"

    page = (folder / "html").read_text(encoding="utf-8")
    assert re.search(rf'class="here"><td class="n">▶ .*{line}</td>', page)
    assert expected in (folder / "markdown").read_text(encoding="utf-8")


def test_a_sweep_tells_every_moment_in_ndjson_only(wsdoctor, tmp_path):
    wsdoctor(
        *("check", "starlette_app.py:app", "--path", "/bug", "--ws", "wsproto"),
        *("--disconnect", "close", "--report", f"ndjson={tmp_path / 'lines'}"),
        *("--report", f"json={tmp_path / 'json'}"),
        cwd=APPS,
    )
    (row,) = json.loads((tmp_path / "json").read_bytes())["cases"]
    lines = [json.loads(text) for text in (tmp_path / "lines").read_text().splitlines()]
    moments = [line["moment"] for line in lines if line["type"] == "case"]
    assert row["moment"] == "*"
    assert len(moments) == row["moments"]["healthy"] + row["moments"]["defective"] > 5
    assert "*" not in moments


def test_no_format_holds_a_secret(wsdoctor, tmp_path):
    arguments = [f"--report={name}={tmp_path / name}" for name in FORMATS]
    code, out, err = wsdoctor(
        *("check", "leaky.py:app", "--depth", "quick", "--disconnect", "close,abort,shutdown"),
        *("-H", f"Authorization: Bearer {SECRETS['header']}"),
        *("--cookie", f"session={SECRETS['cookie']}", "--query", f"token={SECRETS['query']}"),
        *("--path-param", "room=r1", "--verbose", *arguments),
        cwd=APPS,
    )
    assert code == 1
    texts = {name: (tmp_path / name).read_text(encoding="utf-8") for name in FORMATS}
    for name, text in (texts | {"stdout": out, "stderr": err}).items():
        assert "s3cret" not in text, name
    assert "no more for" in texts["json"]
    assert "no more for" in texts["html"]


def test_github_actions_needs_no_option(tmp_path, services):
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    done = subprocess.run(
        [
            *(sys.executable, "-m", "wsdoctor", "check", "starlette_app.py:app"),
            *("--path", "/bug", "--depth", "quick", "--disconnect", "close"),
        ],
        cwd=services, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    expected, line = marked_line("starlette_app.py")
    assert done.returncode == 1
    assert f"file={FILE},line={line},title={expected}" in done.stdout
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").startswith("## wsdoctor: ")


def test_a_run_that_is_killed_leaves_the_lines_of_what_has_run(tmp_path):
    path = tmp_path / "lines"
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "wsdoctor", "check", "starlette_app.py:app"),
            *("--report", f"ndjson={path}"),
        ],
        cwd=APPS, env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as running:  # fmt: skip
        deadline, written = time.monotonic() + 60, 0
        while time.monotonic() < deadline and running.poll() is None:
            # It comes and goes once: whether it can be written is found out before anything runs.
            with contextlib.suppress(FileNotFoundError):
                written = path.read_bytes().count(b'"type":"case"')
            if written >= 3:
                break
        running.kill()
    lines = path.read_bytes().split(b"\n")[:-1]
    assert sum(json.loads(line)["type"] == "case" for line in lines) >= 3


@pytest.mark.parametrize(
    "report, said",
    [
        ("htlm=x", "did you mean 'html'?"),
        ("html=no/such/x", "there is no folder 'no/such'"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_runs(wsdoctor, report, said):
    code, out, err = wsdoctor("check", "does_not_exist.py:app", "--report", report)
    assert (code, out) == (2, "")
    assert said in err
    assert "does_not_exist" not in err


def test_a_variant_is_shown_beside_its_fixed_twin(wsdoctor, tmp_path):
    wsdoctor("run", "--variant", "naive", "--report", f"json={tmp_path / 'json'}")
    report = json.loads((tmp_path / "json").read_bytes())
    finding = next(item for item in report["findings"] if item["code"] == "WSD201")
    beside = report["beside"][finding["fingerprint"]]
    assert beside["what"] == "with the fixed twin, fixed"
    shown = report["timelines"][finding["fingerprint"]]
    assert beside["timeline"]["case"] == shown["case"]
    task = next(life for life in shown["lives"] if life["name"] == "stream")
    well = next(life for life in beside["timeline"]["lives"] if life["name"] == "stream")
    assert task["outcome"].startswith("raised WebSocketDisconnect")
    assert well["outcome"] == "cancelled"
    assert {moment["lane"] for moment in shown["moments"]} == {
        *("client", "wire", "server", "app", "log")
    }


DIVERGES = """
async def app(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] != "websocket.disconnect":
        pass
    if event["code"] == 1006:  # what uvicorn's `websockets` says of a reset, and the others do not
        raise KeyError("an end without a close frame")
"""


def test_where_servers_diverge_the_case_is_shown_beside_a_healthy_server(wsdoctor, tmp_path):
    (tmp_path / "diverges.py").write_text(DIVERGES)
    code, _, _ = wsdoctor(
        *("check", "diverges.py:app", "--path", "/", "--disconnect", "abort"),
        *("--report", "json=report.json", "--report", "html=report.html"),
    )
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert code == 1
    (finding,) = [item for item in report["findings"] if item["severity"] != "info"]
    assert finding["servers"]["uvicorn:wsproto"] == "no"
    beside = report["beside"][finding["fingerprint"]]
    assert re.fullmatch(r"on (websockets-sansio|wsproto), where it does not happen", beside["what"])
    assert "KeyError" not in json.dumps(beside)
    assert "The same on w" in (tmp_path / "report.html").read_text(encoding="utf-8")

"""Objects kept under a name that each client has of its own are found, although all clients are alike at first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

APPS = Path(__file__).parent / "apps"
FEW = (
    *("--disconnect", "close,abort", "--at", "idle", "--ws", "websockets-sansio"),
    *("--send", json.dumps({"type": "join", "name": "north"})),
)


def marked(app: str) -> set[tuple[str, int]]:
    lines = (APPS / f"{app}.py").read_text(encoding="utf-8").splitlines()
    return {
        (route, number)
        for number, line in enumerate(lines, 1)
        if "# <- " in line
        for route in line.partition("# <- ")[2].split()
    }


@pytest.mark.parametrize("framework", ["starlette", "fastapi", "litestar"])
def test_what_each_name_leaves_is_a_leak_and_its_twin_is_healthy(framework, wsdoctor):
    app = f"names_{framework}"
    code, out, err = wsdoctor("check", f"{app}.py:app", *FEW, "--format", "json", cwd=APPS)
    assert code == 1, err
    report = json.loads(out)
    found = {(each["route"], each["location"]["line"]) for each in report["findings"]}
    assert found == marked(app)
    assert {each["code"] for each in report["findings"]} == {"WSD305"}
    assert {each["severity"] for each in report["findings"]} == {"error"}
    assert all("each with another value of" in str(each["evidence"]) for each in report["findings"])
    twins = {case["verdict"] for case in report["cases"] if "-ok" in case["route"]}
    assert twins == {"healthy"}

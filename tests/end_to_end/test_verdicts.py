"""Verdicts to bet on, through the command line: the smallest applications that once got a wrong one.

Each has a buggy handler at ``/bug`` and its closest correct twin at ``/ok``. A comment ``# <- WSDnnn
severity`` stands on the line that the only finding above ``info`` must name.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

APPS = Path(__file__).parent / "apps" / "verdict"
SOME = ("--disconnect", "close,abort,burst,vanish")
"""Kinds that end a connection in different ways; tests/zoo has them all."""

MARK = re.compile(r"# <- (WSD\d{3}) (\w+)$")


@dataclass(frozen=True)
class Row:
    """An application and the options of its check."""

    app: str
    options: tuple[str, ...] = ()

    @property
    def marked(self) -> set[tuple[str, str, int]]:
        """Code, severity and line of what must be found."""
        lines = (APPS / f"{self.app}.py").read_text(encoding="utf-8").splitlines()
        found = ((number, MARK.search(line)) for number, line in enumerate(lines, 1))
        return {(mark[1], mark[2], number) for number, mark in found if mark}


ROWS = (
    Row("drain_with_echo", ("--send", "hi")),
    Row("close_in_finally"),
    Row("hang_named_201", ("--send", "a")),
    Row("refused_send_logged", ("--send", "hi")),
    Row("told_by_task_fastapi"),
    Row("told_by_task_starlette", ("--send", "hi")),
    Row("told_by_task_asgi"),
    Row("reads_on_starlette", ("--send", "hi", "--depth", "quick", "--ws", "websockets")),
    Row("reads_on_asgi", ("--depth", "quick", "--ws", "websockets")),
    Row("left_together_starlette", ("--send", "hi", "--depth", "quick", "--ws", "websockets")),
    Row("unreadable_asgi"),
    Row("cancelled_worker_fastapi", ("--depth", "quick")),
    Row("cancelled_worker_litestar", ("--depth", "quick")),
    Row("invalid_close_starlette", ("--send", "nope")),
    Row("invalid_close_fastapi", ("--send", "nope")),
    Row("invalid_close_litestar", ("--send", "nope")),
    Row("invalid_close_asgi", ("--send", "nope")),
    Row("cleanup_cancelled"),
    Row("reconnect", ("--disconnect", "reconnect")),
)
each = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.app)


@each
def test_the_bug_is_found_on_its_line_and_nothing_above_info_besides(row: Row, wsdoctor):
    code, report = check(wsdoctor, row, "/bug")
    found = {
        (item["code"], item["severity"], item["location"] and item["location"]["line"])
        for item in report["findings"]
        if item["severity"] != "info"
    }
    assert found == row.marked
    assert {item["fault"] for item in report["findings"] if item["severity"] != "info"} == {"app"}
    assert (code, report["verdict"]) == (1, "defective")


@each
def test_its_twin_is_healthy(row: Row, wsdoctor):
    code, report = check(wsdoctor, row, "/ok")
    assert [item for item in report["findings"] if item["severity"] != "info"] == []
    assert (code, report["verdict"]) == (0, "healthy")


def test_a_reader_that_could_not_know_of_a_refused_send_is_not_at_fault(wsdoctor):
    row = Row("reads_on_starlette", ("--send", "hi", "--ws", "websockets", "--depth", "quick"))
    code, report = check(wsdoctor, row, "/untold")
    (finding,) = (item for item in report["findings"] if item["code"] == "WSD104")
    assert (finding["severity"], finding["fault"]) == ("info", "framework")
    assert (code, report["verdict"]) == (0, "healthy")


def check(wsdoctor, row: Row, path: str):
    code, out, err = wsdoctor(
        *("check", f"{row.app}.py:app", "--path", path, *SOME, *row.options, "--format", "json"),
        cwd=APPS,
    )
    assert out, err
    return code, json.loads(out)


def test_what_names_a_finding_is_its_gravest_effect_and_the_numbers_are_there(wsdoctor):
    row = Row("hang_named_201", ("--send", "a", "--ws", "wsproto"))
    _, report = check(wsdoctor, row, "/bug")
    (finding,) = report["findings"]
    effects = {effect["code"]: effect["cases"] for effect in finding["effects"]}
    assert next(iter(effects)) == "WSD402"
    assert effects.keys() >= {"WSD402", "WSD201"}
    assert sum(effects.values()) == finding["moments"]["failing"]
    _, out, _ = wsdoctor(
        *("check", "hang_named_201.py:app", "--path", "/bug", *SOME, *row.options), cwd=APPS
    )
    said = " ".join(out.split())
    assert f"at {effects['WSD402']} the handler never returns" in said
    assert f"at {effects['WSD201']} the disconnect escapes" in said


def test_the_server_that_has_a_bug_of_its_own_keeps_its_own_cases(wsdoctor):
    """uvicorn's legacy implementation fails at some moments; that is a remark on those cases alone."""
    _, report = check(wsdoctor, Row("close_in_finally"), "/bug")
    servers = next(item for item in report["findings"] if item["fault"] == "server")
    assert servers["severity"] == "info"
    assert {name for name, mark in servers["servers"].items() if mark != "no"} == {
        "uvicorn:websockets"
    }
    (users,) = (item for item in report["findings"] if item["fault"] == "app")
    assert servers["moments"]["failing"] < 20 < users["moments"]["failing"]


def test_naive_has_one_finding_of_the_applications_at_every_kind(wsdoctor):
    code, out, _ = wsdoctor("run", "--variant", "naive", "--format", "json")
    report = json.loads(out)
    (finding,) = report["findings"]
    assert (code, finding["code"], finding["fault"]) == (0, "WSD201", "app")
    assert finding["moments"]["failing"] == finding["moments"]["checked"] == len(report["cases"])
    assert {case["verdict"] for case in report["cases"]} == {"defective"}

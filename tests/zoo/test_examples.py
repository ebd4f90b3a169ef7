"""The examples of the rules at every moment of every kind of disconnect, on every server.

A share of them in each run (``tests/shares.py``); ``tests/rules`` has all of them at some moments.

What each server shows of the bad ones is in ``wsdoctor/diagnosis/rules/shown.json``, which `explain`
prints: `ZOO=all pytest tests/zoo/test_examples.py --snapshot-update` writes it anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

import wsdoctor
from tests import shares
from tests.rules.test_examples import SOME, TABLE, copied, grave
from wsdoctor.cli.rule_page import MARK
from wsdoctor.diagnosis.finding import Mark
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.diagnosis.rules import __path__ as folder
from wsdoctor.plan.servers import SERVERS
from wsdoctor.report.model import Report

SHOWN = Path(folder[0]) / "shown.json"

NAMED = {
    "WSD001": "nothing can be swept",
    "WSD002": "…",
    "WSD003": "it is about a named moment",
    "WSD404": "it freezes its process at each, and each time the supervisor looks on for three seconds",
}
"""The examples that are run at the named moments only."""

ALONE = NAMED.keys() | {"WSD306", "WSD407"}
"""Those after which a check leaves the route alone: each server meets them in a check of its own."""


def options(code: str) -> dict[str, Any]:
    bad = {name: value for name, value in TABLE[code].bad.items() if name != "servers"}
    # What the client says is part of the example.
    bad["made_up_message"] = False
    return SOME | bad if code in NAMED else bad


def told(report: Report) -> str:
    """The findings for people, so that a failure explains itself."""
    return "\n".join(
        f"{item.code} {item.severity} at {item.location.line if item.location else None}: "
        f"{item.message} ({item.moments.failing}/{item.moments.checked}, {item.replay})"
        for item in report.findings
    )


@pytest.fixture(scope="module")
def shown(request) -> Any:
    """The marks of each bad example, by server; what is put in is written if that is asked for."""
    measured: dict[str, dict[str, Mark]] = {}
    yield measured
    if request.config.option.update_snapshots:
        known = msgspec.json.decode(SHOWN.read_bytes())["rules"]
        table = {code: measured.get(code, known.get(code)) for code in TABLE}
        rules = {code: marks for code, marks in table.items() if marks}
        text = msgspec.json.format(msgspec.json.encode({"rules": rules}), indent=2)
        SHOWN.write_bytes(text + b"\n")


@pytest.mark.parametrize("code", shares.of(TABLE))
def test_the_bad_example_shows_nothing_else_at_any_moment(code, shown, request, tmp_path):
    path = copied(f"{code.lower()}_bad", tmp_path)
    lines = RULES[code].bad.splitlines()
    marked = [number for number, line in enumerate(lines, 1) if line.endswith(MARK)]
    marks: dict[str, Mark] = {}
    for servers in [[server] for server in SERVERS] if code in ALONE else [list(SERVERS)]:
        report = wsdoctor.check(f"{path}:app", servers=servers, **options(code))
        assert {item.code for item in grave(report)} <= {code}, told(report)
        (finding,) = (item for item in report.findings if item.code == code)
        assert [finding.location.line if finding.location else 0] == marked
        marks |= {server: finding.servers[server] for server in servers}
    shown[code] = marks
    if not request.config.option.update_snapshots:
        assert RULES[code].shown == marks


@pytest.mark.parametrize("code", [code for code in shares.of(TABLE) if code not in NAMED])
def test_the_fixed_example_is_healthy_at_every_moment(code, tmp_path):
    path = copied(f"{code.lower()}_fixed", tmp_path)
    report = wsdoctor.check(f"{path}:app", **TABLE[code].fixed)
    assert not grave(report), told(report)
    assert {finding.fault for finding in report.findings} <= {"server", "framework"}
    assert report.verdict == "healthy"

"""Every rule has an example that shows it, and the same example corrected, which shows nothing."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import wsdoctor
from tests import shares
from wsdoctor.cli.rule_page import MARK
from wsdoctor.diagnosis.finding import Finding
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.plan.servers import SERVERS
from wsdoctor.recording.case import SendStep
from wsdoctor.report.model import Report

# They run in this process, where warnings are errors. A warning that an application causes (a
# stream that throws a message away) must not become an exception inside of it.
pytestmark = pytest.mark.filterwarnings("default")

EXAMPLES = Path(sys.modules["wsdoctor.diagnosis.rules"].__path__[0]) / "examples"
REMEDIES = Path(__file__).parent / "remedies"

PATHS = {
    "asgi_group": ["/", "/anyio"],
    "asgi_members": ["/", "/home"],
    "channels_members": ["/ticker", "/member", "/speaker", "/named", "/home", "/devices"],
    "quart_answers": ["/", "/numbers"],
    "quart_members": ["/room", "/hall", "/home", "/devices"],
}
"""The paths of the remedies for frameworks whose routes are not listed."""

SOME = {"moments": ["idle"], "kinds": ["close", "abort", "shutdown", "burst", "before-accept"]}
"""Enough to show a bad example; what ends a connection in yet another way shows the same."""


@dataclass(frozen=True)
class Example:
    """How an example is run.

    ``bad`` and ``fixed`` are options of the check, besides ``SOME``. ``supervised``: in a worker
    process. ``verdict`` is that on the bad one.
    """

    bad: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    verdict: str = "defective"
    supervised: bool = False


def says(text: str) -> dict[str, Any]:
    return {"script": (SendStep(text=text),)}


OPTIONS = {
    "WSD001": Example(verdict="nothing-checked"),
    "WSD002": Example(verdict="nothing-checked", fixed={"query": {"token": "demo"}}),
    "WSD003": Example(verdict="inconclusive", bad={"moments": ["after:2"]}, fixed=says("launch")),
    # In a worker, which imports the module anew for each case: the set that it forgets to clean.
    "WSD102": Example(supervised=True),
    "WSD103": Example(bad=says("bye")),
    "WSD106": Example(fixed={"query": {"token": "demo"}}),
    "WSD107": Example(bad=says("pears")),
    "WSD206": Example(supervised=True),  # anew for each case, as WSD102
    "WSD302": Example(bad=says('{"player": "ada"}'), fixed=says('{"player": "ada"}')),
    "WSD306": Example(bad={"kinds": ["close"]}),  # each case costs seconds of real time
    # In a worker, which imports the module anew for each case: ten seats are soon gone.
    "WSD307": Example(supervised=True),
    # Each case starts three processes, and gives them a second to end.
    "WSD308": Example(bad={"servers": ["wsproto"], "kinds": ["close"]}, supervised=True),
    # It freezes its process, and each time it does the supervisor looks on for three seconds.
    "WSD404": Example(
        supervised=True, bad={"servers": ["wsproto"], "kinds": ["close"], "moments": ["idle"]}
    ),
    "WSD405": Example(bad={"kinds": [*SOME["kinds"], "stall+bystander", "close+bystander"]}),
    "WSD406": Example(bad={"kinds": [*SOME["kinds"], "reconnect"]}),
    "WSD407": Example(supervised=True, bad={"servers": ["wsproto"], "kinds": ["close", "abort"]}),
    "WSD601": Example(bad=says("hello"), fixed=says("hello")),
    "WSD602": Example(bad=says("seven"), fixed=says("seven")),
    "WSD801": Example(bad=says("hello"), fixed=says("hello")),
}
"""How the examples are run that the options of all do not fit."""

NO_EXAMPLE = {
    "WSD802": "the server's own failure: what triggers it is up to the server and its version",
}

TABLE = {code: OPTIONS.get(code, Example()) for code in RULES if code not in NO_EXAMPLE}
"""Every example."""

STRENGTH = {"no": 0, "masked": 1, "logged": 2}


def copied(name: str, folder: Path) -> Path:
    """A copy of the example outside of wsdoctor, where it counts as the user's code."""
    path = folder / f"{name}.py"
    path.write_bytes((EXAMPLES / path.name).read_bytes())
    return path


def check(path: Path, options: dict[str, Any], *, supervised: bool = False) -> Report:
    if supervised:
        return wsdoctor.check(f"{path}:app", **options)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
        return wsdoctor.check(module.app, **options)
    finally:
        del sys.modules[path.stem]


def grave(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.severity != "info"]


def test_every_rule_has_an_example_or_a_reason_for_having_none():
    assert OPTIONS.keys() <= TABLE.keys()
    assert NO_EXAMPLE.keys() <= RULES.keys()
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == {
        f"{code.lower()}_{which}.py" for code in TABLE for which in ("bad", "fixed")
    }
    for code, rule in RULES.items():
        assert bool(rule.bad) is bool(rule.fixed) is (code in TABLE)


@pytest.mark.parametrize("code", TABLE)
def test_the_bad_example_shows_its_rule_on_its_line_and_nothing_else(code, tmp_path):
    example = TABLE[code]
    path = copied(f"{code.lower()}_bad", tmp_path)
    report = check(path, SOME | example.bad, supervised=example.supervised)
    assert report.verdict == example.verdict
    assert {finding.code for finding in grave(report)} <= {code}
    (finding,) = (finding for finding in report.findings if finding.code == code)
    lines = enumerate(RULES[code].bad.splitlines(), 1)
    (marked,) = (number for number, line in lines if line.endswith(MARK))
    assert (finding.location.line if finding.location else 0) == marked
    # The table is measured at every moment, beside the zoo; here are but some of them.
    assert RULES[code].shown.keys() == set(SERVERS)
    for server, mark in finding.servers.items():
        assert STRENGTH[mark] <= STRENGTH[RULES[code].shown[server]]


@pytest.mark.parametrize("code", TABLE)
def test_the_fixed_example_is_healthy(code, tmp_path):
    """At every kind and moment: tests/zoo/test_examples.py. On one server, another one the next time."""
    options = {"servers": shares.one_of(tuple(SERVERS), code)}
    report = check(copied(f"{code.lower()}_fixed", tmp_path), SOME | options | TABLE[code].fixed)
    assert not grave(report)
    assert {finding.fault for finding in report.findings} <= {"server"}
    assert report.verdict == "healthy"


@pytest.mark.parametrize("path", sorted(REMEDIES.glob("*.py")), ids=lambda path: path.stem)
def test_a_remedy_in_an_application_is_healthy(path):
    """On one server, which is another one the next time (``tests/shares.py``)."""
    options = {
        "kinds": [*SOME["kinds"], "stall+bystander", "reconnect"],
        "servers": shares.one_of(tuple(SERVERS), path.stem),
    }
    report = check(path, SOME | options | {"paths": PATHS.get(path.stem, [])})
    assert not report.findings
    assert report.verdict == "healthy"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short_and_begins_with_what_it_shows(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    story = next(number for number, line in enumerate(lines) if not line.startswith("# "))
    # A Litestar listener with a lifespan of its own and its imports take most of that; a publisher in
    # the lifespan of the application, and its clients, all.
    assert 12 <= len(lines) <= 40
    assert 1 <= story <= 3
    assert not lines[story]
    # `explain` indents them, and prints prose in 88 columns.
    assert max(map(len, lines[:story])) <= 84
    assert sum(MARK in line for line in lines) == path.stem.endswith("_bad")

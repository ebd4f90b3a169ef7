"""The zoo: realistic handlers with one defect each, and beside each the closest correct one.

A buggy handler is at ``/NAME-bug``, its twin at ``/NAME-ok``. The comment ``# <- WSDnnn NAME`` stands
on the line that the finding must name. All are met at the named moments. A sixth of the rows, which the day
of the run chooses (``tests/shares.py``), is also met at every moment of the connection's life, on one server,
which is another one the next time. The twin is met at every kind of disconnect, and nothing may be found.
"""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from typing import Any

import pytest

from tests import shares
from tests.zoo.pair import Pair
from tests.zoo.zoo import APPS, ZOO
from wsdoctor.diagnosis.finding import CaseResult, Finding
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.engine.check import check
from wsdoctor.options.check import Options
from wsdoctor.report.model import Report

_MARK = re.compile(r"# <- (WSD\d{3}) ([\w-]+)$")


def marked(pair: Pair) -> set[tuple[str, int]]:
    """The codes and lines that the comments of a pair point at."""
    lines = (APPS / f"{pair.app}.py").read_text(encoding="utf-8").splitlines()
    found = ((number, _MARK.search(line)) for number, line in enumerate(lines, start=1))
    return {(mark[1], number) for number, mark in found if mark and mark[2] == pair.name}


def is_swept(pair: Pair) -> bool:
    """Whether ``pair`` is met at every moment in this run: a sixth of them is, or all if ZOO says so."""
    return shares.is_chosen(f"{pair.app} {pair.name}")


def options_for(pair: Pair, *, bug: bool) -> tuple[Options, ...]:
    return pair.options(bug=bug, swept=is_swept(pair))


def alike(pair: Pair, *, bug: bool) -> list[Pair]:
    """The rows that are run in the same way: one worker serves them all."""
    options = options_for(pair, bug=bug)
    return [row for row in ZOO if row.app == pair.app and options_for(row, bug=bug) == options]


@functools.cache
def reports_on(first: Pair, *, bug: bool) -> tuple[Report, ...]:
    """The reports on the buggy ones, or the twins, of all rows like ``first``."""
    paths = tuple(row.route(bug=bug) for row in alike(first, bug=bug))
    return tuple(
        check(f"{APPS / first.app}.py:app", replace(options, paths=paths))
        for options in options_for(first, bug=bug)
    )


def examined(pair: Pair, *, bug: bool) -> tuple[tuple[Finding, ...], tuple[CaseResult, ...]]:
    """The findings on the buggy handler, or on the twin, of ``pair``."""
    reports = reports_on(alike(pair, bug=bug)[0], bug=bug)
    route = pair.route(bug=bug)
    return (
        tuple(item for report in reports for item in report.findings if item.route == route),
        tuple(case for report in reports for case in report.cases if case.route == route),
    )


def told(findings: tuple[Finding, ...]) -> str:
    """The findings for people, so that a failure explains itself."""
    return "\n".join(
        f"{item.code} {item.severity} at {item.location.line if item.location else None}: "
        f"{item.message} ({item.moments.failing}/{item.moments.checked}, {item.replay})"
        for item in findings
    )


def rows(*, bug: bool) -> list[Any]:
    """Rows of one run stay in one worker of pytest; the other rows go to any free worker."""
    return [
        pytest.param(
            pair,
            id=f"{pair.app}-{pair.name}",
            marks=pytest.mark.xdist_group(f"{pair.app}-{alike(pair, bug=bug)[0].name}-{bug}"),
        )
        for pair in ZOO
    ]


@pytest.mark.parametrize("pair", rows(bug=True))
def test_the_bug_is_found_on_its_line_and_nothing_else_is(pair: Pair):
    findings, cases = examined(pair, bug=True)
    found = {
        (item.code, item.location.line if item.location else 0)
        for item in findings
        if item.severity != "info"
    }
    assert pair.code in {code for code, _ in marked(pair)}
    assert found == marked(pair), told(findings)
    assert "defective" in {case.verdict for case in cases}


@pytest.mark.parametrize("pair", rows(bug=False))
def test_nothing_is_found_in_its_twin(pair: Pair):
    findings, cases = examined(pair, bug=False)
    assert not [item for item in findings if item.severity != "info"], told(findings)
    assert {item.code for item in findings} <= pair.told, told(findings)
    assert {case.verdict for case in cases} == {pair.verdict}, undecided(cases, pair.verdict)


def undecided(cases: tuple[CaseResult, ...], verdict: str) -> str:
    return "\n".join(f"{case.id}: {case.note}" for case in cases if case.verdict != verdict)


def test_every_route_of_the_zoo_is_in_the_table():
    for path in sorted(APPS.glob("*.py")):
        marks = set(re.findall(r"# <- WSD\d{3} ([\w-]+)$", path.read_text(), re.MULTILINE))
        assert marks == {pair.name for pair in ZOO if pair.app == path.stem}, path.stem


def test_every_pair_has_a_name_of_its_own_and_a_rule():
    assert len({(pair.app, pair.name) for pair in ZOO}) == len(ZOO)
    assert {pair.code for pair in ZOO} <= RULES.keys()

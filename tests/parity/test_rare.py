"""The bug that shows at a few moments of a whole sweep, and the correct twin that shows none."""

from __future__ import annotations

from tests import shares
from wsdoctor.engine.variants import run_variant
from wsdoctor.options.check import Options
from wsdoctor.plan.kinds import DEAR_KINDS, DEFAULT_KINDS
from wsdoctor.plan.moments import NAMED
from wsdoctor.plan.servers import SERVERS
from wsdoctor.report.model import Report

CHOSEN = tuple(shares.one_of(tuple(SERVERS), "rare"))
"""One server, which is another one the next time (``tests/shares.py``)."""


def counted(report: Report) -> tuple[int, int]:
    """At how many moments it failed, and of how many."""
    rows = [row.moments for row in report.cases if row.moments is not None]
    assert len(rows) == len(CHOSEN) * (len(DEFAULT_KINDS) - 1 - len(DEAR_KINDS))
    assert {row.kind for row in report.cases if row.moments is None} == DEAR_KINDS
    assert not any(moments.inconclusive for moments in rows)
    return sum(moments.defective for moments in rows), sum(moments.total for moments in rows)


def test_a_whole_sweep_finds_it_at_a_few_of_the_moments():
    report = run_variant("swallowed-cancel", Options(depth="full", servers=CHOSEN))
    (finding,) = report.findings
    failing, checked = counted(report)
    assert (finding.code, finding.severity) == ("WSD502", "error")
    assert finding.moments.failing == failing
    assert 0 < failing / checked < 0.1
    assert finding.confirmed.reproduced == finding.confirmed.of > 0
    assert set(finding.servers) == set(CHOSEN)
    assert report.declared is not None
    assert report.declared.as_declared


def test_no_named_moment_finds_it():
    report = run_variant("swallowed-cancel", Options(moments=NAMED))
    assert (report.verdict, report.findings) == ("healthy", ())
    assert {row.kind for row in report.cases} == set(DEFAULT_KINDS)
    assert report.declared is not None
    assert report.declared.as_declared


def test_nothing_is_found_at_any_moment_of_its_twin():
    report = run_variant("swallowed-cancel-fixed", Options(depth="full", servers=CHOSEN))
    failing, checked = counted(report)
    assert (report.verdict, report.findings, failing) == ("healthy", (), 0)
    assert checked > 160 * len(CHOSEN)

"""Verdict and findings -> exit code (DESIGN.md section 5)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.report.samples import DEFECTIVE, FINDING, HEALTHY, NOTHING, case, variant, with_verdict
from wsdoctor.cli.exit_codes import of_check, of_run

INCONCLUSIVE_CASE = case(verdict="inconclusive")


def _finding(severity, code="WSD201"):
    return replace(FINDING, severity=severity, code=code)


def _report(severity, *cases):
    return replace(
        DEFECTIVE, findings=(_finding(severity),), cases=(case(verdict="defective"), *cases)
    )


@pytest.mark.parametrize(
    "report, fail_on, code",
    [
        (HEALTHY, "info", 0),
        (_report("error"), "error", 1),
        (_report("warning"), "error", 0),
        (_report("warning"), "warning", 1),
        (_report("info"), "warning", 0),
        (_report("info"), "info", 1),
        (NOTHING, "warning", 4),
        (with_verdict("inconclusive", INCONCLUSIVE_CASE), "warning", 5),
        (with_verdict("inconclusive", INCONCLUSIVE_CASE, case()), "warning", 5),
        (_report("error", INCONCLUSIVE_CASE), "error", 1),
        (_report("warning", INCONCLUSIVE_CASE), "error", 5),
        (replace(_report("error"), interrupted=True), "error", 130),
        (replace(HEALTHY, interrupted=True), "error", 130),
        (replace(NOTHING, findings=(_finding("error", "WSD001"),)), "warning", 2),
        (replace(DEFECTIVE, findings=(_finding("error", "WSD001"),)), "warning", 2),
        (replace(NOTHING, findings=(_finding("error", "WSD002"),)), "warning", 4),
    ],
)
def test_check(report, fail_on, code):
    assert of_check(report, fail_on) == code


@pytest.mark.parametrize(
    "reports, code",
    [
        ([variant(DEFECTIVE, "naive", "WSD201"), variant(HEALTHY, "fixed")], 0),
        ([variant(DEFECTIVE, "fixed", as_declared=False)], 1),
        ([variant(DEFECTIVE, "naive"), variant(HEALTHY, "naive", as_declared=False)], 1),
        ([replace(variant(DEFECTIVE, "naive"), interrupted=True)], 130),
        ([HEALTHY], 1),
    ],
)
def test_run(reports, code):
    assert of_run(reports) == code

"""From what was found out to the exit code of the command."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wsdoctor.cli.errors import BAD_INPUT, INCONCLUSIVE, INTERRUPTED, NOTHING_CHECKED
from wsdoctor.options.reporting import FailOn

if TYPE_CHECKING:
    from wsdoctor.report.model import Report

HEALTHY = 0
FINDINGS = 1

_CODES = {
    "healthy": HEALTHY,
    "findings": FINDINGS,
    "did-not-start": BAD_INPUT,
    "nothing-checked": NOTHING_CHECKED,
    "inconclusive": INCONCLUSIVE,
    "interrupted": INTERRUPTED,
}


def of_check(report: Report, fail_on: FailOn) -> int:
    """The exit code of ``check``."""
    from wsdoctor.report.conclusion import conclusion

    return _CODES[conclusion(report, fail_on)]


def of_run(reports: Iterable[Report]) -> int:
    """The exit code of ``run``: 0 if every variant behaved as it declares."""
    reports = tuple(reports)
    if any(report.interrupted for report in reports):
        return INTERRUPTED
    as_declared = (
        report.declared is not None and report.declared.as_declared for report in reports
    )
    return HEALTHY if all(as_declared) else FINDINGS


def of_replay(outcomes: Iterable[str]) -> int:
    """The exit code of ``replay``: still failing weighs most, then what could not be replayed."""
    outcomes = set(outcomes)
    if "STILL FAILING" in outcomes:
        return FINDINGS
    return INCONCLUSIVE if "CANNOT REPLAY" in outcomes else HEALTHY

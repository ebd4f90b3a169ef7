"""Whether a build may pass with a Report."""

from __future__ import annotations

from typing import Literal

from wsdoctor.diagnosis.finding import GRAVITY, Severity
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.report.model import Report

Conclusion = Literal[
    "healthy", "findings", "did-not-start", "nothing-checked", "inconclusive", "interrupted"
]


def conclusion(report: Report, fail_on: Severity) -> Conclusion:
    """What ``report`` comes to: what is inconclusive is never a pass, not even in part.

    A finding at or above ``fail_on`` weighs more than cases that stayed inconclusive; findings
    below it do not hide them.
    """
    if report.interrupted:
        return "interrupted"
    found = [RULES.get(finding.code) for finding in report.findings]
    if found and all(rule is not None and rule.stops_at == "start" for rule in found):
        return "did-not-start"
    if report.verdict == "nothing-checked":
        return "nothing-checked"
    if any(GRAVITY[finding.severity] >= GRAVITY[fail_on] for finding in report.findings):
        return "findings"
    if report.verdict == "inconclusive":
        return "inconclusive"
    if report.verdict == "defective" and any(c.verdict == "inconclusive" for c in report.cases):
        return "inconclusive"
    return "healthy"

"""Reports as GitLab's code quality: a JSON array that merge requests show beside the changed lines.

The members are those of GitLab's Code Quality report format; none has been uploaded there yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from wsdoctor.diagnosis.finding import Finding
from wsdoctor.report.model import Report
from wsdoctor.report.wording import target_file

_SEVERITIES = {"error": "major", "warning": "minor", "info": "info"}


def render(reports: Sequence[Report]) -> bytes:
    """The JSON, UTF-8; a finding without a line of the user's stands at the target's first."""
    issues = list(_issues(reports))
    return msgspec.json.format(msgspec.json.encode(issues), indent=2) + b"\n"


def _issues(reports: Sequence[Report]) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for report in reports:
        for finding in report.findings:
            # GitLab wants them unique, and shows one of those that are not.
            if finding.fingerprint not in seen:
                seen.add(finding.fingerprint)
                yield _issue(report, finding)


def _issue(report: Report, finding: Finding) -> dict[str, Any]:
    where = finding.location
    return {
        "description": f"{finding.code} {finding.name} on {finding.route}: {finding.message}",
        "check_name": finding.code,
        "fingerprint": finding.fingerprint,
        "severity": _SEVERITIES[finding.severity],
        "location": {
            "path": where.file if where else target_file(report),
            "lines": {"begin": where.line if where else 1},
        },
    }

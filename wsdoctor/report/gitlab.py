"""Reports as GitLab's code quality: a JSON array that merge requests show beside the changed lines.

The members are those of "Code Quality report format" (docs.gitlab.com, "Code Quality"); none has been
uploaded there yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from wsdoctor.diagnosis.finding import Finding
from wsdoctor.report.model import Report
from wsdoctor.report.repository import place_of_finding

_SEVERITIES = {"error": "major", "warning": "minor", "info": "info"}


def render(reports: Sequence[Report]) -> bytes:
    """The JSON, UTF-8; a finding without a line of the user's stands at its handler, or the target."""
    issues = list(_issues(reports))
    return msgspec.json.format(msgspec.json.encode(issues), indent=2) + b"\n"


def _issues(reports: Sequence[Report]) -> Iterator[dict[str, Any]]:
    told: set[tuple[str, str, int]] = set()
    times: Counter[str] = Counter()
    for report in reports:
        for finding in report.findings:
            place = place_of_finding(report, finding)
            if (finding.fingerprint, *place) in told:
                continue
            told.add((finding.fingerprint, *place))
            times[finding.fingerprint] += 1
            yield _issue(finding, place, times[finding.fingerprint])


def _issue(finding: Finding, place: tuple[str, int], time: int) -> dict[str, Any]:
    """The ``time``-th one with that fingerprint: of those with the same one GitLab shows one."""
    file, line = place
    return {
        "description": f"{finding.code} {finding.name} on {finding.route}: {finding.message}",
        "check_name": finding.code,
        "fingerprint": finding.fingerprint if time == 1 else f"{finding.fingerprint}-{time}",
        "severity": _SEVERITIES[finding.severity],
        "location": {"path": file, "lines": {"begin": line}},
    }

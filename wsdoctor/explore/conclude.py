"""Put together what an examination found: the Report."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from msgspec.structs import replace

import wsdoctor
from wsdoctor.diagnosis.diagnose import Exhibit, findings, strongest, verdict
from wsdoctor.diagnosis.finding import Finding, Verdict
from wsdoctor.explore.examine import Examination
from wsdoctor.explore.timeline import timeline
from wsdoctor.report.environment import environment
from wsdoctor.report.model import Coverage, Declared, MomentCoverage, Report, TargetInfo, Tool


def conclude(
    found: Examination,
    *,
    target: TargetInfo,
    command: str,
    began: float,
    interrupted: bool = False,
    declared: Declared | None = None,
    exhibits: Sequence[Exhibit] | None = None,
) -> Report:
    """The Report of ``found``; ``began`` is the ``time.monotonic()`` of the start."""
    if exhibits is None:
        exhibits = findings(found.diagnosed)
    results = tuple(case.result for case in found.diagnosed)
    covered = sum(
        1 for result in results if result.verdict not in {"inconclusive", "nothing-checked"}
    )
    return Report(
        tool=Tool(name="wsdoctor", version=wsdoctor.__version__),
        environment=environment(),
        command=command,
        target=target,
        verdict=_verdict(found, interrupted=interrupted),
        markers=strongest(results),
        findings=tuple(_relative(exhibit.finding) for exhibit in exhibits),
        cases=results,
        coverage=Coverage(
            moments=MomentCoverage(covered=covered, total=max(found.planned, len(results)))
        ),
        duration_seconds=round(time.monotonic() - began, 3),
        notes=tuple(found.notes),
        declared=declared,
        timelines={
            exhibit.finding.fingerprint: timeline(exhibit.recording, exhibit.faulty)
            for exhibit in exhibits
        },
        interrupted=interrupted,
    )


def _verdict(found: Examination, *, interrupted: bool) -> Verdict:
    decided = verdict([case.result for case in found.diagnosed])
    unfinished = interrupted or len(found.diagnosed) < found.planned
    return "inconclusive" if unfinished and decided == "healthy" else decided


def _relative(finding: Finding) -> Finding:
    """``finding`` with its file relative to the working directory when it lies below it."""
    location = finding.location
    if location is None:
        return finding
    try:
        relative = os.path.relpath(location.file)
    except ValueError:  # another drive
        return finding
    if relative.startswith(os.pardir):
        return finding
    return replace(finding, location=replace(location, file=relative.replace(os.sep, "/")))

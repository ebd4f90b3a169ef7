"""Put together what an examination found: the Report."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from msgspec.structs import replace

import wsdoctor
from wsdoctor.diagnosis.finding import Finding, Verdict
from wsdoctor.diagnosis.findings import Exhibit, strongest, verdict
from wsdoctor.explore.confirm import exhibits
from wsdoctor.explore.examination import Examination
from wsdoctor.explore.timeline import timeline
from wsdoctor.report.environment import environment
from wsdoctor.report.model import (
    AwaitPoint,
    Coverage,
    Declared,
    MomentCoverage,
    Report,
    TargetInfo,
    Tool,
)
from wsdoctor.report.shard import Shard


def conclude(
    found: Examination,
    *,
    target: TargetInfo,
    command: str,
    began: float,
    interrupted: bool = False,
    declared: Declared | None = None,
    shard: tuple[int, int] | None = None,
) -> Report:
    """The Report of ``found``; ``began`` is the ``time.monotonic()`` of the start."""
    shown = exhibits(found)
    results = tuple(found.rows)
    return Report(
        tool=Tool(name="wsdoctor", version=wsdoctor.__version__),
        environment=environment(),
        command=command,
        target=target,
        verdict=_verdict(found, shown, interrupted=interrupted),
        markers=strongest(results),
        findings=tuple(_relative(exhibit.finding) for exhibit in shown),
        cases=results,
        coverage=_coverage(found),
        duration_seconds=round(time.monotonic() - began, 3),
        notes=tuple(found.notes),
        declared=declared,
        timelines={
            exhibit.finding.fingerprint: timeline(exhibit.recording, exhibit.faulty)
            for exhibit in shown
        },
        other_runs={
            exhibit.finding.fingerprint: timeline(again.other.recording, ())
            for exhibit in shown
            if (again := found.again.get(exhibit.recording.case.id)) is not None
            and again.other is not None
            and exhibit.finding.confirmed.reproduced < exhibit.finding.confirmed.of
        },
        interrupted=interrupted,
        shard=None
        if shard is None
        else Shard(number=shard[0], of=shard[1], parts=tuple(found), again=found.again),
    )


def _coverage(found: Examination) -> Coverage:
    undecided = {"inconclusive", "nothing-checked"}
    rows, covered = found.rows, found.covered
    unsure = sum(1 for row in rows if row.moments is None and row.verdict in undecided)
    unsure += sum(row.moments.inconclusive for row in rows if row.moments is not None)
    return Coverage(
        moments=MomentCoverage(covered=found.run - unsure, total=max(found.planned, found.run)),
        awaits=tuple(
            AwaitPoint(
                file=_relative_path(line.file),
                line=line.line,
                function=line.function,
                covered=line in covered,
            )
            for line in sorted(found.reached, key=lambda line: (line.file, line.line))
        ),
    )


def _verdict(found: Examination, shown: Sequence[Exhibit], *, interrupted: bool) -> Verdict:
    decided = verdict(found.rows)
    if decided == "nothing-checked" and any(part.unfinished for part in found):
        return "inconclusive"
    if decided == "defective" and not any(item.finding.severity != "info" for item in shown):
        return "inconclusive"  # nothing that was found came up again
    unfinished = interrupted or any(part.unfinished for part in found)
    return "inconclusive" if unfinished and decided == "healthy" else decided


def _relative(finding: Finding) -> Finding:
    """``finding`` with its file relative to the working directory when it lies below it."""
    location = finding.location
    if location is None:
        return finding
    return replace(finding, location=replace(location, file=_relative_path(location.file)))


def _relative_path(file: str) -> str:
    try:
        relative = os.path.relpath(file)
    except ValueError:  # another drive
        return file
    return file if relative.startswith(os.pardir) else relative.replace(os.sep, "/")

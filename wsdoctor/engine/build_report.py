"""Put together what an examination found: the Report."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

import wsdoctor
from wsdoctor.diagnosis.finding import CaseResult, Finding, Location, Verdict
from wsdoctor.diagnosis.findings import Exhibit, strongest, verdict, with_compared
from wsdoctor.diagnosis.suspension import united
from wsdoctor.engine.confirm import exhibits
from wsdoctor.engine.results import Results
from wsdoctor.options.check import Options
from wsdoctor.report.environment import environment
from wsdoctor.report.evidence.excerpts import excerpts
from wsdoctor.report.evidence.timeline import timeline
from wsdoctor.report.model import (
    AwaitPoint,
    AwaitPoints,
    Beside,
    CodeLine,
    Coverage,
    Declared,
    Excerpt,
    MomentCoverage,
    Report,
    TargetInfo,
    Tool,
    Unheard,
)
from wsdoctor.report.shard import Shard


def build_report(
    found: Results,
    *,
    target: TargetInfo,
    command: str,
    began: float,
    interrupted: bool = False,
    declared: Declared | None = None,
    incomplete: bool = False,
    options: Options,
) -> Report:
    """The Report of ``found``; ``began`` is the ``time.monotonic()`` of the start.

    ``incomplete``: part of it is missing, as in an interrupted run; it is no pass.
    """
    shown = exhibits(found)
    results = tuple(with_compared(found.rows, shown))
    return Report(
        tool=Tool(name="wsdoctor", version=wsdoctor.__version__),
        environment=environment(),
        command=command,
        target=target,
        verdict=_verdict(found, results, shown, incomplete=incomplete or interrupted),
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
            if exhibit.recording.events
        },
        other_runs={
            exhibit.finding.fingerprint: timeline(again.other.recording, ())
            for exhibit in shown
            if (again := found.again.get(exhibit.recording.case.id)) is not None
            and again.other is not None
            and exhibit.finding.confirmed.reproduced < exhibit.finding.confirmed.of
        },
        beside={
            exhibit.finding.fingerprint: Beside(well.what, timeline(well.recording, ()))
            for exhibit in shown
            if (well := found.beside.get(exhibit.recording.case.id)) is not None
        },
        sources=_sources(found, shown),
        interrupted=interrupted,
        clock=options.clock,
        grace=options.grace,
        shard=_shard(found, options),
    )


def _shard(found: Results, options: Options) -> Shard | None:
    if options.shard is None:
        return None
    number, of = options.shard
    shard = Shard(
        number=number,
        of=of,
        parts=tuple(found),
        again=found.again,
        witnessed=found.witnessed,
        conversations=found.conversations,
        narrowed=options.narrowed,
    )
    # Another machine may have its checkout elsewhere.
    here = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118 - the prefix of strings, with its separator
    return msgspec.convert(_without_prefix(msgspec.to_builtins(shard), here), Shard)


def _without_prefix(value: Any, prefix: str) -> Any:
    """``value`` with ``prefix`` taken from every string that begins with it, keys included."""
    if isinstance(value, str):
        return value.removeprefix(prefix)
    if isinstance(value, dict):
        return {
            key.removeprefix(prefix): _without_prefix(item, prefix) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_prefix(item, prefix) for item in value]
    return value


def _sources(found: Results, shown: Sequence[Exhibit]) -> tuple[Excerpt, ...]:
    places = [item.finding.location for item in shown if item.finding.location is not None]
    lines = [(where.file, where.line) for where in places]
    lines += [(line.file, line.line) for line in found.reached]
    sources = {file: text for item in shown for file, text in item.recording.sources.items()}
    return tuple(
        replace(excerpt, file=_relative_path(excerpt.file)) for excerpt in excerpts(lines, sources)
    )


def _coverage(found: Results) -> Coverage:
    undecided = {"inconclusive", "nothing-checked"}
    rows, covered = found.rows, found.covered
    unsure = sum(
        1 for row in rows if row.moments is None and row.verdict in undecided and not row.not_judged
    )
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
        await_points=_await_points(found),
        unheard=tuple(_unheard(found)),
    )


def _await_points(found: Results) -> AwaitPoints:
    points = united(
        point
        for route in found.conversations
        for conversation in found.held(route)
        for point in conversation.points
    )
    return AwaitPoints(
        reached=sum(point.reached for point in points),
        total=len(points),
        not_reached=tuple(
            CodeLine(_relative_path(point.place.file), point.place.line, point.place.function)
            for point in points
            if not point.reached
        ),
    )


def _unheard(found: Results) -> Iterator[Unheard]:
    for route in found.conversations:
        held = found.held(route)
        place = next((item.waits for item in held if item.waits is not None), None)
        if place is not None and not any(item.heard for item in held):
            yield Unheard(
                route=route,
                file=_relative_path(place.file),
                line=place.line,
                function=place.function,
            )


def _verdict(
    found: Results,
    results: Sequence[CaseResult],
    shown: Sequence[Exhibit],
    *,
    incomplete: bool,
) -> Verdict:
    decided = verdict(results)
    if decided == "nothing-checked" and any(part.unfinished for part in found):
        return "inconclusive"
    if decided == "defective" and not any(item.finding.severity != "info" for item in shown):
        return "inconclusive"  # nothing that was found came up again
    unfinished = incomplete or any(part.unfinished for part in found)
    return "inconclusive" if unfinished and decided == "healthy" else decided


def _relative(finding: Finding) -> Finding:
    """``finding`` with its file relative to the working directory when it lies below it."""

    def relative(location: Location | None) -> Location | None:
        return location and replace(location, file=_relative_path(location.file))

    return replace(finding, location=relative(finding.location), handler=relative(finding.handler))


def _relative_path(file: str) -> str:
    try:
        relative = os.path.relpath(file)
    except ValueError:  # another drive
        return file
    return file if relative.startswith(os.pardir) else relative.replace(os.sep, "/")

"""What the page shows of a Report, put in order for the template."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wsdoctor.diagnosis.finding import Finding, Markers
from wsdoctor.plan.servers import short_name
from wsdoctor.report.html.picture import Axis, Picture, picture
from wsdoctor.report.model import Excerpt, Report
from wsdoctor.report.replay_command import replay_command
from wsdoctor.report.summary import (
    as_declared,
    counted,
    extent,
    hides_findings,
    mark,
    markers_on,
    name_of,
    servers_of,
    severities,
)
from wsdoctor.report.wording import (
    await_points,
    facts,
    headline,
    hidden_in,
    how_suppressed,
    kind_of,
    place_of,
    size_of,
    unheard,
    verdict_of,
    whose_fault,
)

Spans = tuple[tuple[str, bool], ...]
"""Parts of a text, and whether they are code."""

_SYMBOLS = {
    "X": ("bad", "✕"),
    "?": ("unsure", "?"),
    "o": ("good", "✓"),
    "-": ("none", "–"),
    "h": ("none", "○"),
}
_VERDICTS = {
    "healthy": ("good", "✓"),
    "defective": ("bad", "✕"),
    "inconclusive": ("unsure", "?"),
    "nothing-checked": ("unsure", "?"),
}


@dataclass(frozen=True, slots=True)
class Sign:
    """A mark: ``tone`` colours it, ``symbol`` and ``text`` say the same without colour."""

    tone: str
    symbol: str
    text: str


@dataclass(frozen=True, slots=True)
class SourceLine:
    """``awaits`` is ``met``, ``missed`` or empty."""

    number: int
    text: str
    marked: bool
    awaits: str


@dataclass(frozen=True, slots=True)
class Source:
    file: str
    lines: tuple[SourceLine, ...]

    @property
    def has_awaits(self) -> bool:
        return any(line.awaits for line in self.lines)


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the timelines of a finding."""

    id: str
    title: str
    sound: bool
    picture: Picture


@dataclass(frozen=True, slots=True)
class FindingView:
    id: str
    finding: Finding
    head: str
    message: Spans
    facts: tuple[tuple[str, tuple[Spans, ...]], ...]
    place: str
    sources: tuple[Source, ...]
    remedy: tuple[tuple[bool, Spans], ...]
    replay: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    route: str
    servers: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Sign, ...]], ...]


@dataclass(frozen=True, slots=True)
class ReportView:
    id: str
    name: str
    report: Report
    verdict: Sign
    counts: str
    facts: tuple[tuple[str, str], ...]
    markers: tuple[tuple[str, tuple[str, ...]], ...]
    servers: tuple[str, ...]
    findings: tuple[FindingView, ...]
    matrices: tuple[Matrix, ...]
    sources: tuple[Source, ...]
    suppressed: tuple[str, ...]
    notes: tuple[str, ...]
    versions: str


def views(reports: Sequence[Report]) -> tuple[ReportView, ...]:
    """One view for each report."""
    return tuple(_view(report, f"r{number}") for number, report in enumerate(reports, 1))


def _view(report: Report, name: str) -> ReportView:
    servers = servers_of([report])
    on = [markers_on(report, server) for server in servers]
    return ReportView(
        id=name,
        name=name_of(report),
        report=report,
        verdict=_verdict(report),
        counts=severities(report) if report.cases else "nothing ran",
        facts=tuple(_facts(report)),
        markers=(
            ("WebSocketDisconnect escaped", tuple(map(_disconnect, on))),
            ("Unexpected ASGI message", tuple(map(_unexpected, on))),
        ),
        servers=tuple(map(short_name, servers)),
        findings=tuple(
            _finding(report, finding, f"{name}-f{number}")
            for number, finding in enumerate(report.findings, 1)
        ),
        matrices=tuple(_matrices(report, servers)),
        sources=tuple(
            source
            for source in (_source(report, excerpt, None) for excerpt in report.sources)
            if source.has_awaits
        ),
        suppressed=tuple(map(how_suppressed, report.suppressed)),
        notes=report.notes,
        versions=", ".join(f"{name} {version}" for name, version in report.environment.items()),
    )


def _verdict(report: Report) -> Sign:
    tone, symbol = _VERDICTS[report.verdict]
    if report.verdict == "healthy" and hides_findings(report):
        tone, symbol = _SYMBOLS["h"]
    return Sign(tone, symbol, verdict_of(report))


def _disconnect(markers: Markers | None) -> str:
    return markers.websocket_disconnect if markers else "–"


def _unexpected(markers: Markers | None) -> str:
    return markers.unexpected_asgi_message if markers else "–"


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    yield "target", f"{report.target.spec} ({kind_of(report.target)})"
    size = extent(report)
    if size.cases:
        yield "ran", f"{size_of(size)}, in {report.duration_seconds:.1f} s"
    if waited := unheard(report):
        yield "not heard", waited
    if reached := await_points(report):
        yield "await points", reached
    if awaits := report.coverage.awaits:
        points = counted(len(awaits), "await point")
        covered = sum(point.covered for point in awaits)
        yield "awaits", f"disconnected at {covered} of {points} that the handler reached"
    if report.declared is not None:
        found = ", ".join(report.declared.found) or "nothing"
        yield "declared", f"{'as' if as_declared(report) else 'NOT as'} declared: it shows {found}"
    if hides_findings(report):
        yield "hidden", hidden_in(report)
    if report.interrupted:
        yield "interrupted", "this is what is known so far"
    if report.command:
        yield "command", report.command


def _finding(report: Report, finding: Finding, name: str) -> FindingView:
    where = finding.location
    return FindingView(
        id=name,
        finding=finding,
        head=headline(finding),
        message=tuple(_spans(finding.message)),
        facts=tuple(
            (label, tuple(tuple(_spans(text)) for text in texts))
            for label, texts in _occurrence(report, finding)
        ),
        place=f"{place_of(where)} in {where.function}" if where else "",
        sources=tuple(_sources(report, finding)),
        remedy=tuple(_remedy(finding.remedy)),
        replay=replay_command(report, finding),
        panels=tuple(_panels(report, finding, name)),
    )


def _spans(text: str) -> Iterator[tuple[str, bool]]:
    """The parts of ``text``, and whether they are code, which stands between backticks."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        yield text, False
        return
    for number, part in enumerate(parts):
        if part:
            yield part, number % 2 == 1


def _occurrence(report: Report, finding: Finding) -> Iterator[tuple[str, Sequence[str]]]:
    yield "route", [finding.route]
    yield "fault", [whose_fault(finding)]
    yield from facts(report, finding)


def _sources(report: Report, finding: Finding) -> Iterator[Source]:
    where = finding.location
    if where is None:
        return
    for excerpt in report.sources:
        last = excerpt.first + len(excerpt.lines) - 1
        if excerpt.file == where.file and excerpt.first <= where.line <= last:
            yield _source(report, excerpt, where.line)
            return
    if where.snippet:
        yield Source(where.file, (SourceLine(where.line, where.snippet, True, ""),))


def _source(report: Report, excerpt: Excerpt, marked: int | None) -> Source:
    awaits: dict[int, str] = {}
    for point in report.coverage.awaits:
        if point.file == excerpt.file:
            # A line with several of them is met when one of them is not left out.
            met = point.covered or awaits.get(point.line) == "met"
            awaits[point.line] = "met" if met else "missed"
    return Source(
        excerpt.file,
        tuple(
            SourceLine(number, text, number == marked, awaits.get(number, ""))
            for number, text in enumerate(excerpt.lines, excerpt.first)
        ),
    )


def _remedy(text: str) -> Iterator[tuple[bool, Spans]]:
    """Paragraphs, and between them blocks of code (True): the lines that are indented."""
    for code, lines in _blocks(text):
        if code:
            yield True, ((textwrap.dedent("\n".join(lines)).strip("\n"), True),)
        else:
            yield False, tuple(_spans("\n".join(lines)))


def _blocks(text: str) -> Iterator[tuple[bool, list[str]]]:
    block: list[str] = []
    code = False
    for line in text.strip("\n").splitlines():
        is_code = line[:1].isspace() or (code and not line)
        if is_code != code and block:
            yield code, block
            block = []
        code = is_code
        if line or code:
            block.append(line)
    if any(block):
        yield code, block


def _panels(report: Report, finding: Finding, name: str) -> Iterator[Panel]:
    shown = report.timelines.get(finding.fingerprint)
    if shown is None or not shown.moments:
        return
    beside = report.beside.get(finding.fingerprint)
    axis = Axis([shown, *([beside.timeline] if beside else [])])
    yield Panel(f"{name}-a", "The case that shows it", False, picture(shown, axis))
    if beside is not None:
        title = f"The same {beside.what}"
        yield Panel(f"{name}-b", title, True, picture(beside.timeline, axis))


def _matrices(report: Report, servers: Sequence[str]) -> Iterator[Matrix]:
    for route in dict.fromkeys(case.route for case in report.cases):
        cases = [case for case in report.cases if case.route == route]
        yield Matrix(
            route,
            tuple(map(short_name, servers)),
            tuple(
                (kind, tuple(_sign(mark(report, route, server, kind)) for server in servers))
                for kind in dict.fromkeys(case.kind for case in cases)
            ),
        )


def _sign(text: str) -> Sign:
    tone, symbol = _SYMBOLS[text[:1]]
    said = {"o": text, "-": "not run", "h": "hidden"}.get(text[:1], text[2:])
    return Sign(tone, symbol, said)

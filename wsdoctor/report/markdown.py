"""Reports as GitHub-flavoured markdown: a job's summary, a comment on a merge request, a wiki page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from wsdoctor.diagnosis.finding import Finding
from wsdoctor.plan.servers import short_name
from wsdoctor.report.layout import visible
from wsdoctor.report.model import Report
from wsdoctor.report.replay_command import replay_command
from wsdoctor.report.summary import extent, mark, name_of, servers_of, severities
from wsdoctor.report.wording import (
    await_points,
    facts,
    hidden_in,
    how_suppressed,
    kind_of,
    place_of,
    size_of,
    unheard,
    verdict_of,
    whose_fault,
)

_MARKUP = re.compile(r"([\\`*_\[\]<>|~$&]|^[#+=-]|(?<=^\d)[.)])")
_SAYS = {"X": "❌", "?": "❔", "o": "✅"}


def render(reports: Sequence[Report]) -> bytes:
    """The markdown, UTF-8."""
    lines = [line for report in reports for line in _report(report)]
    return ("\n".join(lines).rstrip() + "\n").encode()


def _report(report: Report) -> Iterator[str]:
    yield f"## wsdoctor: {_plain(name_of(report))}: {_plain(verdict_of(report))}"
    yield ""
    size = extent(report)
    ran = f"{size_of(size)}, in {report.duration_seconds:.1f} s" if size.cases else "nothing ran"
    yield f"{severities(report)}. {_plain(kind_of(report.target))}; {_plain(ran)}."
    if reached := await_points(report):
        yield f"{_plain(reached)}."
    if waited := unheard(report):
        yield f"{_plain(waited[0].upper() + waited[1:])}."
    if report.interrupted:
        yield "**Interrupted: this is what is known so far.**"
    if report.declared is not None:
        found = ", ".join(report.declared.found) or "nothing"
        words = "as declared" if report.declared.as_declared else "**NOT as declared**"
        yield f"This built-in variant shows {found}, {words}."
    yield ""
    for finding in report.findings:
        yield from _finding(report, finding)
    for route in dict.fromkeys(case.route for case in report.cases):
        yield from _matrix(report, route)
    if report.suppressed:
        yield f"{_plain(hidden_in(report))}."
        yield ""
        yield from (f"- {_plain(how_suppressed(item))}" for item in report.suppressed)
        yield ""
    if report.notes:
        yield from (f"- {_plain(note)}" for note in report.notes)
        yield ""
    if report.command:
        yield f"{_code(report.command)}"
        yield ""


def _finding(report: Report, finding: Finding) -> Iterator[str]:
    yield f"### {finding.severity}: {finding.code} {finding.name} on {_code(finding.route)}"
    yield ""
    yield _prose(finding.message)
    yield ""
    if (where := finding.location) is not None:
        yield f"{_code(place_of(where))} in {_code(where.function)}"
        yield ""
        yield from _block(where.snippet.strip(), "python")
    yield f"- fault: {_plain(whose_fault(finding))}"
    for label, lines in facts(report, finding):
        yield from (f"- {label}: {_prose(line)}" for line in lines)
    yield ""
    if finding.remedy:
        yield "<details><summary>Remedy</summary>"
        yield ""
        yield from _block(finding.remedy.strip("\n"), "text")
        yield "</details>"
        yield ""
    yield from _block(replay_command(report, finding), "console")


def _matrix(report: Report, route: str) -> Iterator[str]:
    cases = [case for case in report.cases if case.route == route]
    servers = servers_of([report])
    yield f"| {_plain(route)} | {' | '.join(_plain(short_name(server)) for server in servers)} |"
    yield "|---" * (len(servers) + 1) + "|"
    for kind in dict.fromkeys(case.kind for case in cases):
        marks = [mark(report, route, server, kind) for server in servers]
        told = [f"{_SAYS.get(word[:1], '')} {word.removeprefix('X ')}".strip() for word in marks]
        yield f"| {_plain(kind)} | {' | '.join(told)} |"
    yield ""


def _plain(text: str) -> str:
    """``text`` as it stands, whatever it is."""
    return _MARKUP.sub(r"\\\1", " ".join(visible(text).split()))


def _prose(text: str) -> str:
    """Sentences of wsdoctor's own, in which code stands between backticks."""
    parts = visible(text).split("`")
    if len(parts) % 2 == 0:
        return _plain(text)
    return "".join(
        _code(part) if number % 2 else _spaced(part) for number, part in enumerate(parts)
    )


def _spaced(text: str) -> str:
    return _MARKUP.sub(r"\\\1", re.sub(r"\s+", " ", text))


def _code(text: str) -> str:
    """A code span, longer fences around backticks (CommonMark, "Code spans")."""
    text = " ".join(visible(text).split())
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else ""


def _block(text: str, language: str) -> Iterator[str]:
    fence = "`" * max(3, max(map(len, re.findall("`+", text)), default=0) + 1)
    yield f"{fence}{language}"
    yield from visible(text).splitlines()
    yield fence
    yield ""

"""The report for people: read on a terminal at two in the morning, or in a CI job's log.

What matters most comes first, the verdict last. Nothing is said by colour alone. Lines are wrapped
at spaces only and never cut, so a path or a command can be copied from any width.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from wsdoctor.diagnosis.finding import Finding
from wsdoctor.report.finding_block import print_finding
from wsdoctor.report.model import AwaitPoint, Declared, Report
from wsdoctor.report.page import STYLES, Page
from wsdoctor.report.summary import (
    as_declared,
    counted,
    extent,
    hides_findings,
    mark,
    name_of,
    not_judged,
    severities,
)
from wsdoctor.report.tables import print_comparison, print_markers, print_matrix
from wsdoctor.report.wording import (
    await_points,
    headline,
    hidden_in,
    how_suppressed,
    kind_of,
    size_of,
    unheard,
    verdict_of,
)

DETAILED = 2
"""Number of variants up to which all are shown in full; beyond it, only those that are not as declared."""


def terminal() -> Console:
    """The console of standard output; rich reads NO_COLOR, FORCE_COLOR, TERM and COLUMNS."""
    return Console(highlight=False, markup=False, emoji=False)


def render(reports: Sequence[Report], *, width: int, verbose: bool = False) -> str:
    """The text without colours."""
    file = io.StringIO()
    print_reports(reports, _plain(file, width), verbose=verbose)
    return file.getvalue()


def render_finding(report: Report, finding: Finding, *, width: int) -> str:
    """The block of one finding, without colours."""
    file = io.StringIO()
    print_finding(Page(_plain(file, width)), report, finding)
    return file.getvalue()


def _plain(file: io.StringIO, width: int) -> Console:
    return Console(
        file=file, width=width, highlight=False, markup=False, emoji=False, no_color=True,
        force_terminal=False,
    )  # fmt: skip


def print_reports(reports: Sequence[Report], console: Console, *, verbose: bool = False) -> None:
    """Print one Report, or several variants under a table that compares them."""
    page = Page(console)
    if len(reports) == 1:
        _print_report(page, reports[0], verbose=verbose)
        return
    print_comparison(page, reports)
    left_out = False
    for report in reports:
        if verbose or len(reports) <= DETAILED or not as_declared(report):
            page.blank()
            page.rule(name_of(report))
            _print_report(page, report, verbose=verbose)
        else:
            left_out = True
    page.blank()
    if left_out:
        page.prose("The whole story of one variant: wsdoctor run --variant NAME", style="dim")
    page.line(_verdict_of_all(reports))


_OUTCOME_STYLES = {"FIXED": "bold green", "STILL FAILING": "bold red", "CANNOT REPLAY": "yellow"}


def print_replayed(
    outcome: str, case: str, reason: str, report: Report | None, console: Console
) -> None:
    """Print what came of a replay: one line, and below it what was found."""
    page = Page(console)
    page.line(Text.assemble((outcome, _OUTCOME_STYLES[outcome]), f"  {case}"))
    if reason:
        page.prose(reason, indent=2)
    if report is None or outcome != "STILL FAILING":
        return
    for finding in report.findings:
        page.blank()
        print_finding(page, report, finding)


def _print_report(page: Page, report: Report, *, verbose: bool) -> None:
    _print_summary(page, report)
    if report.cases:
        page.blank()
        print_markers(page, report)
    for finding in report.findings:
        page.blank()
        print_finding(page, report, finding)
    if report.cases:
        page.blank()
        print_matrix(page, report)
    if verbose and report.cases:
        page.blank()
        _print_cases(page, report)
    _print_notes(page, report)
    _print_origin(page, report)
    page.blank()
    page.line(_verdict(report))


def _print_summary(page: Page, report: Report) -> None:
    target, size = report.target, extent(report)
    page.verbatim("target", f"{target.spec} ({kind_of(target)})")
    page.labelled(
        "ran", f"{size_of(size)}, in {report.duration_seconds:.1f} s" if size.cases else "-"
    )
    if awaits := [*filter(None, [await_points(report)]), *_await_coverage(report.coverage.awaits)]:
        page.labelled("awaits", *awaits)
    if report.declared:
        page.labelled("story", " ".join(report.declared.story.split()))
        page.labelled("declared", _declared(report.declared))
    page.labelled("result", _result(report), style=_verdict_style(report))
    if report.findings:
        page.labelled("", *map(headline, report.findings))
    if report.suppressed:
        page.labelled("suppressed", *map(how_suppressed, report.suppressed))


def _result(report: Report) -> str:
    if _is_partial(report):
        return f"{verdict_of(report)}; {hidden_in(report)}"
    return verdict_of(report) + (f": {severities(report)}" if report.cases else "")


def _is_partial(report: Report) -> bool:
    """Whether it would be healthy if no findings were hidden."""
    return report.verdict == "healthy" and hides_findings(report)


def _verdict_style(report: Report) -> str:
    return "bold" if _is_partial(report) else STYLES[report.verdict]


def _await_coverage(awaits: Sequence[AwaitPoint]) -> Iterator[str]:
    if not awaits:
        return
    covered = sum(point.covered for point in awaits)
    yield f"disconnected at {covered} of {counted(len(awaits), 'await point')} that the handler reached"
    for point in awaits:
        if not point.covered:
            yield f"not at {point.file}:{point.line} in {point.function}"


def _declared(declared: Declared) -> str:
    expected = ", ".join(declared.expected) or "nothing"
    if declared.only_in_sweep:
        expected += f", and {', '.join(declared.only_in_sweep)} only in a sweep (--sweep)"
    found = ", ".join(declared.found) or "nothing"
    twin = f" (its fixed twin: {declared.fixed_twin})" if declared.fixed_twin else ""
    if declared.as_declared:
        return f"as declared: it shows {expected}{twin}"
    return f"NOT as declared: it should show {expected}, and shows {found}{twin}"


def _print_cases(page: Page, report: Report) -> None:
    page.line(Text("cases", style="bold"))
    for case in report.cases:
        facts = [
            *case.codes,
            f"close code {case.close_code}" if case.close_code is not None else "no close code",
            f"ended after {case.teardown_seconds:.3f} s"
            if case.teardown_seconds is not None
            else "did not end",
            *([case.note] if case.note else []),
        ]
        word: str = case.verdict
        if word == "healthy" and hides_findings(report):
            word = mark(report, case.route, case.server, case.kind)
        verdict = Text(f"{word:<16}", style=STYLES.get(word, ""))
        page.line(Text("  ").append_text(verdict).append(f"{case.id}   {', '.join(facts)}"))


def _print_origin(page: Page, report: Report) -> None:
    """How to get the same report again."""
    names = ("python", "litestar", "starlette", "fastapi", "uvicorn", "websockets", "wsproto")
    versions = [
        f"{name} {report.environment[name]}" for name in names if name in report.environment
    ]
    page.blank()
    page.labelled("with", ", ".join(versions))
    if report.command:
        page.verbatim("command", report.command)


def _print_notes(page: Page, report: Report) -> None:
    inconclusive = [case for case in report.cases if case.verdict == "inconclusive"]
    reasons = dict.fromkeys(case.note for case in inconclusive if case.note)
    notes = [*report.notes]
    for reason in reasons:
        same = [case for case in inconclusive if case.note == reason]
        others = f" and {len(same) - 1} more" if len(same) > 1 else ""
        notes.append(f"inconclusive: {same[0].id}{others}: {reason}")
    for reason, rows in not_judged(report).items():
        others = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        notes.append(f"not judged: {rows[0].id}{others}: {reason}")
    if notes:
        page.blank()
        page.labelled("note", *notes)


def _verdict(report: Report) -> Text:
    size = counted(extent(report).cases, "case")
    text = Text.assemble("verdict: ", (verdict_of(report), _verdict_style(report)))
    if _is_partial(report):
        text.append(f" in {size}; {hidden_in(report)}")
    elif report.cases:
        text.append(f" - {severities(report)} in {size}")
    inconclusive = sum(case.verdict == "inconclusive" for case in report.cases)
    if inconclusive:
        text.append(f", {inconclusive} inconclusive")
    if waited := unheard(report):
        text.append(f"; {waited}")
    if report.declared:
        text.append(", as declared" if report.declared.as_declared else ", NOT as declared")
    if report.interrupted:
        text.append(" (interrupted: this is what is known so far)")
    return text


def _verdict_of_all(reports: Sequence[Report]) -> Text:
    others = [r for r in reports if not as_declared(r)]
    text = Text("verdict: ")
    if others:
        names = ", ".join(map(name_of, others))
        text.append("NOT as declared", style="bold red").append(f" - {names}")
    else:
        text.append("as declared", style="bold green").append(
            f" - {counted(len(reports), 'variant')}"
        )
    if any(report.interrupted for report in reports):
        text.append(" (interrupted: this is what is known so far)")
    return text

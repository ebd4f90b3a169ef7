"""One finding as a block of text: what, where, when, seen how, and what to do about it."""

from __future__ import annotations

from rich.text import Text

from wsdoctor.diagnosis.finding import Finding, Location
from wsdoctor.report import timeline_rows as timeline
from wsdoctor.report.layout import visible
from wsdoctor.report.model import Report
from wsdoctor.report.page import STYLES, Page
from wsdoctor.report.replay_command import replay_command
from wsdoctor.report.wording import facts, whose_fault


def print_finding(page: Page, report: Report, finding: Finding) -> None:
    """Print ``finding``, with the timeline of the case that shows it best."""
    head = f"--- {finding.code} {finding.name}"
    about = f"  {finding.severity}  fault: {whose_fault(finding)}  route: {finding.route}"
    page.line(Text.assemble((head, STYLES[finding.severity]), about))
    page.blank()
    page.prose(finding.message, indent=2, style="bold")
    if finding.location is not None:
        page.blank()
        _print_location(page, finding.location, STYLES[finding.severity])
    page.blank()
    for label, lines in facts(report, finding):
        page.labelled(label, *lines)
    if finding.remedy:
        page.blank()
        page.line(Text("  remedy", style="dim"))
        page.mixed(finding.remedy, indent=4)
    page.blank()
    page.verbatim("more", f"wsdoctor explain {finding.code}")
    for number, link in enumerate(finding.links):
        page.verbatim("" if number else "read", link)
    page.verbatim("replay", replay_command(report, finding))
    if (rows := report.timelines.get(finding.fingerprint)) is not None:
        page.blank()
        page.labelled("timeline", f"{rows.case}   (X: what went wrong)")
        for line in timeline.lines(rows, page.width - 2):
            page.line(Text("  ").append_text(line))


def _print_location(page: Page, where: Location, style: str) -> None:
    page.line(visible(f"  {where.file}:{where.line} in {where.function}"))
    if not (source := visible(where.snippet.strip())):
        return
    number = f"> {where.line} | "
    page.line(Text(f"  {number}{source}", style="bold"))
    margin = "| ".rjust(len(number))
    page.line(Text.assemble(f"  {margin}", ("^" * len(source), style)))

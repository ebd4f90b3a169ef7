"""Reports as GitHub Actions reads them: workflow commands that become annotations on the user's lines.

The format is that of "Workflow commands for GitHub Actions" (docs.github.com), escaped as the runner
(actions/runner, ActionCommand) unescapes it; no report has been uploaded there yet. GitHub shows ten errors and ten warnings of a step, and the gravest come first here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from wsdoctor.diagnosis.finding import Finding
from wsdoctor.report import markdown
from wsdoctor.report.layout import visible
from wsdoctor.report.model import Report
from wsdoctor.report.repository import place_of_finding
from wsdoctor.report.summary import as_declared, name_of

_LEVELS = {"error": "error", "warning": "warning", "info": "notice"}

SUMMARY_LIMIT = 1024 * 1024
"""Bytes of a step's summary: GitHub refuses one that is larger, as a whole."""


def render(reports: Sequence[Report]) -> bytes:
    """The workflow commands, one a line."""
    return "".join(f"{line}\n" for line in _commands(reports)).encode()


def summary(reports: Sequence[Report]) -> bytes:
    """The job's summary, as markdown that GitHub takes."""
    text = markdown.render(reports)
    if len(text) <= SUMMARY_LIMIT:
        return text
    last = b"\n\nThis summary was too long for GitHub; the rest is in the other reports.\n"
    return text[: SUMMARY_LIMIT - len(last)].rpartition(b"\n\n")[0] + last


def _commands(reports: Sequence[Report]) -> Iterator[str]:
    for report in reports:
        if report.declared is not None:
            if not as_declared(report):
                yield _command(
                    "error", {"title": f"wsdoctor: {name_of(report)}"}, "NOT as declared"
                )
            continue
        for finding in report.findings:
            yield _annotation(report, finding)
        if report.verdict in {"inconclusive", "nothing-checked"}:
            words = report.verdict.replace("-", " ")
            about = "; ".join(report.notes) or "see the report"
            yield _command("warning", {"title": f"wsdoctor: {words}"}, about)


def _annotation(report: Report, finding: Finding) -> str:
    file, line = place_of_finding(report, finding)
    properties = {"file": file, "line": str(line), "title": f"{finding.code} {finding.name}"}
    message = f"{finding.message}\n\nroute {finding.route}; more: wsdoctor explain {finding.code}"
    return _command(_LEVELS[finding.severity], properties, message)


def _command(level: str, properties: Mapping[str, str], message: str) -> str:
    pairs = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{level} {pairs}::{_data(message)}"


def _data(text: str) -> str:
    """A line break would end the command, and what follows might be one: ``::set-output …``."""
    text = text.replace("\r\n", "\n")
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return visible(text)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

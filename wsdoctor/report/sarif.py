"""Reports as SARIF 2.1.0 (OASIS), for GitHub code scanning and the like.

Sections in brackets are those of the SARIF specification. What GitHub asks for beyond it is in "SARIF
support for code scanning" (docs.github.com): descriptions of at most 1024 characters, a location for
each result, four members for each region, and paths from the root of the repository.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

import msgspec

from wsdoctor.diagnosis.finding import Finding, Location, Severity
from wsdoctor.diagnosis.rule import Rule
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.report.model import Report, Suppressed
from wsdoctor.report.replay_command import replay_command
from wsdoctor.report.repository import place_of_finding
from wsdoctor.report.summary import as_declared
from wsdoctor.report.wording import verdict_of

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)

_ROOT = "%SRCROOT%"
_LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
_ASYNCIO = "https://docs.python.org/3/library/asyncio"
_SPECIFICATION = "https://asgi.readthedocs.io/en/latest/specs/www.html"

_HELP = {
    "WSD0": f"{_SPECIFICATION}#websocket-connection-scope",
    "WSD1": f"{_SPECIFICATION}#websocket",
    "WSD2": f"{_SPECIFICATION}#disconnect-receive-event-ws",
    "WSD3": f"{_ASYNCIO}-task.html#creating-tasks",
    "WSD4": f"{_ASYNCIO}-dev.html#running-blocking-code",
    "WSD5": f"{_ASYNCIO}-task.html#task-cancellation",
    "WSD6": "https://www.rfc-editor.org/rfc/rfc6455#section-7.4",
    "WSD8": f"{_SPECIFICATION}#websocket",
}
"""By family: what the rule rests on. What wsdoctor itself has to say is in the help text."""


def render(reports: Sequence[Report], *, exit_code: int) -> bytes:
    """The JSON, UTF-8: one run for each report; ``exit_code`` is that of this command."""
    document = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [_run(report, exit_code) for report in reports],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _run(report: Report, exit_code: int) -> dict[str, Any]:
    codes = sorted({finding.code for finding in report.findings})
    return {
        "tool": {
            "driver": {
                "name": report.tool.name,
                "version": report.tool.version,
                "semanticVersion": report.tool.version,
                "rules": [_rule(RULES[code]) for code in codes],
            }
        },
        "automationDetails": {"id": f"wsdoctor/{report.target.spec}/"},  # [3.17.3]
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "invocations": [_invocation(report, exit_code)],
        "results": [
            _result(report, finding, codes.index(finding.code)) for finding in report.findings
        ],
        "properties": {
            "verdict": verdict_of(report) if report.verdict == "healthy" else report.verdict,
            "environment": report.environment,
            "suppressed": [_suppressed(item) for item in report.suppressed],
            **({"asDeclared": as_declared(report)} if report.declared else {}),
        },
    }


def _rule(rule: Rule) -> dict[str, Any]:
    """A reportingDescriptor [3.49]."""
    why = " ".join(rule.why.split())
    remedy = rule.remedy_for("").strip()
    silence = " ".join(rule.silence.split())
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": f"{rule.name}: {rule.summary}."},
        "fullDescription": {"text": why},
        "help": {
            "text": f"{why}\n\n{remedy}\n\n{silence}\n\nMore: wsdoctor explain {rule.code}".strip(),
            "markdown": (
                f"**It happened when** {rule.summary}.\n\n{why}\n\n"
                f"**Remedy**\n\n```\n{remedy}\n```\n\n"
                + (f"**When it may be intended** {silence}\n\n" if silence else "")
                + f"More: `wsdoctor explain {rule.code}`"
            ),
        },
        "helpUri": _HELP[rule.code[:4]],
        "properties": {"tags": ["websocket", "asgi", "correctness"], "precision": "high"},
    }


def _invocation(report: Report, exit_code: int) -> dict[str, Any]:
    """An invocation [3.20]: it was successful if wsdoctor could do what it was asked to do."""
    return {
        "executionSuccessful": not report.interrupted
        and report.verdict in {"healthy", "defective"},
        "exitCode": exit_code,
        "commandLine": report.command,
        "toolExecutionNotifications": [
            {"level": "warning" if decided else "note", "message": {"text": text}}
            for text, decided in _notifications(report)
        ],
    }


def _notifications(report: Report) -> Iterator[tuple[str, bool]]:
    """Sentences, and whether they say that something could not be decided."""
    if report.interrupted:
        yield "The run was interrupted: this is what is known so far.", True
    for note in report.notes:
        yield note, False
    for reason in dict.fromkeys(c.note for c in report.cases if c.note):
        ids = [case.id for case in report.cases if case.note == reason]
        yield f"{ids[0]}{f' and {len(ids) - 1} more' if len(ids) > 1 else ''}: {reason}", True


def _result(report: Report, finding: Finding, rule: int) -> dict[str, Any]:
    """A result [3.27].

    GitHub goes by ``primaryLocationLineHash`` among the fingerprints. Its upload-sarif adds that, and
    warns of each that another program has written: so it is not written here.
    """
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [_location(report, finding)],
        "partialFingerprints": {"wsdoctor/v1": finding.fingerprint},
        "properties": {
            "fault": finding.fault,
            "route": finding.route,
            "servers": finding.servers,
            "disconnects": finding.disconnects,
            "moments": finding.moments,
            "evidence": finding.evidence,
            "symptoms": finding.symptoms,
            "remedy": finding.remedy,
            "replay": replay_command(report, finding),
        },
    }


def _suppressed(item: Suppressed) -> dict[str, Any]:
    """A suppressed finding, which is no result: GitHub ignores suppressions [3.35] and would raise an alert."""
    return {
        "ruleId": item.finding.code,
        "route": item.finding.route,
        "fingerprint": item.finding.fingerprint,
        "by": item.by,
        "reason": item.reason,
    }


def _location(report: Report, finding: Finding) -> dict[str, Any]:
    file, line = place_of_finding(report, finding)
    place = {"artifactLocation": _artifact(file), "region": _region(report, finding, line)}
    where = finding.location or finding.handler
    if where is None:
        return {"physicalLocation": place}
    return {
        "physicalLocation": place,
        "logicalLocations": [{"fullyQualifiedName": where.function, "kind": "function"}],
    }


def _region(report: Report, finding: Finding, line: int) -> dict[str, Any]:
    """A region [3.30]: the text of the line, without the space around it."""
    where = finding.location or finding.handler
    text = _line(report, where) if where else ""
    code = text.strip()
    begin = 1 + len(text) - len(text.lstrip()) if code else 1
    region: dict[str, Any] = {
        "startLine": line,
        "startColumn": begin,
        "endLine": line,
        "endColumn": begin + max(1, len(code)),
    }
    if code:
        region["snippet"] = {"text": code}
    return region


def _line(report: Report, where: Location) -> str:
    """The line as it stands in the file; as the finding has it, without indentation, if it is unknown."""
    for excerpt in report.sources:
        number = where.line - excerpt.first
        if excerpt.file == where.file and 0 <= number < len(excerpt.lines):
            return excerpt.lines[number]
    return where.snippet


def _artifact(file: str) -> dict[str, str]:
    """An artifactLocation [3.4]: relative to the root of the repository, when below it."""
    path = PurePath(file)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(path.as_posix()), "uriBaseId": _ROOT}

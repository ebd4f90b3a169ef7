"""What the user gave to get past a handshake does not leave the process.

Values of headers, cookies and query parameters are secrets until proven otherwise. The command
line is redacted by its grammar, free text of a Report by searching for the values. Names, paths,
kinds and ids are left alone: they are wsdoctor's own words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote, quote_plus

from msgspec.structs import replace

from wsdoctor.diagnosis.finding import CaseResult, Finding
from wsdoctor.report.model import Report, Timeline

REDACTED = "***"

SHORTEST_SECRET = 4
"""Shorter values (``1``, ``yes``) hide nothing and would blank out half of a report."""

_CUT = "…"

Pairs = Iterable[tuple[str, str]]


def secrets_of(headers: Pairs = (), cookies: Pairs = (), query: Pairs = ()) -> tuple[str, ...]:
    """The texts that must not be written, the longest first.

    Of a header like ``Bearer TOKEN`` that is the value and the token; of a query value also its
    percent-encoded forms.
    """
    found: set[str] = set()
    for _, value in headers:
        found.update((value, value.rpartition(" ")[2]))
    for _, value in (*cookies, *query):
        found.update((value, quote(value), quote(value, safe=""), quote_plus(value)))
    return tuple(sorted((s for s in found if len(s) >= SHORTEST_SECRET), key=len, reverse=True))


def redact_text(text: str, secrets: Sequence[str]) -> str:
    """``text`` with ``***`` in place of every secret, also of one that was cut off with ``…``."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
        if _CUT in text:
            for length in range(len(secret) - 1, SHORTEST_SECRET - 1, -1):
                text = text.replace(secret[:length] + _CUT, REDACTED + _CUT)
    return text


def redact(report: Report, secrets: Sequence[str]) -> Report:
    """The same Report without the secrets in its sentences, evidence, notes and timelines."""
    if not secrets:
        return report

    def text(value: str) -> str:
        return redact_text(value, secrets)

    def finding(value: Finding) -> Finding:
        location = value.location
        return replace(
            value,
            message=text(value.message),
            location=location and replace(location, snippet=text(location.snippet)),
            evidence=tuple(map(text, value.evidence)),
            remedy=text(value.remedy),
        )

    def case(value: CaseResult) -> CaseResult:
        return replace(value, note=text(value.note))

    def timeline(value: Timeline) -> Timeline:
        rows = tuple((time, lane, text(row), faulty) for time, lane, row, faulty in value.rows)
        return replace(value, rows=rows)

    return replace(
        report,
        command=text(report.command),
        findings=tuple(map(finding, report.findings)),
        cases=tuple(map(case, report.cases)),
        notes=tuple(map(text, report.notes)),
        timelines={key: timeline(value) for key, value in report.timelines.items()},
    )

"""What the user gave to get past a handshake does not leave the process.

Values of headers, cookies and query parameters are secrets until proven otherwise. The command
line is redacted by its grammar, free text of a Report by searching for the values. Names, paths,
kinds and ids are left alone: they are wsdoctor's own words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

import msgspec
from msgspec.structs import replace

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.finding import CaseResult, Finding
from wsdoctor.recording.case import Case
from wsdoctor.report.model import Report, Timeline
from wsdoctor.report.shard import Shard

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
    """The same Report without the secrets in its sentences, evidence, notes and timelines.

    Of the handshakes in it no value of a header or query is left, whatever ``secrets`` are.
    """

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
            case=value.case and without_values(value.case),
            handler=value.handler and replace(value.handler, snippet=text(value.handler.snippet)),
        )

    def case(value: CaseResult) -> CaseResult:
        return replace(value, note=text(value.note))

    def timeline(value: Timeline) -> Timeline:
        return replace(
            value,
            rows=tuple((time, lane, text(row), faulty) for time, lane, row, faulty in value.rows),
            moments=tuple(replace(moment, text=text(moment.text)) for moment in value.moments),
            lives=tuple(
                replace(life, name=text(life.name), outcome=text(life.outcome))
                for life in value.lives
            ),
        )

    return replace(
        report,
        command=text(report.command),
        findings=tuple(map(finding, report.findings)),
        suppressed=tuple(
            replace(item, finding=finding(item.finding), reason=text(item.reason))
            for item in report.suppressed
        ),
        cases=tuple(map(case, report.cases)),
        notes=tuple(map(text, report.notes)),
        timelines={key: timeline(value) for key, value in report.timelines.items()},
        other_runs={key: timeline(value) for key, value in report.other_runs.items()},
        beside={
            key: replace(value, timeline=timeline(value.timeline))
            for key, value in report.beside.items()
        },
        sources=tuple(
            replace(excerpt, lines=tuple(map(text, excerpt.lines))) for excerpt in report.sources
        ),
        shard=report.shard and _redact_shard(report.shard, text),
    )


def without_values(case: Case) -> Case:
    """``case`` with the names of its headers and queries, but not their values."""
    opening = case.handshake
    headers = tuple(
        (name, value if name.lower() == "host" else REDACTED) for name, value in opening.headers
    )
    query = "&".join(
        f"{quote_plus(name)}={REDACTED}"
        for name, _ in parse_qsl(opening.query, keep_blank_values=True)
    )
    return replace(case, handshake=replace(opening, headers=headers, query=query))


def _redact_shard(shard: Shard, text: Callable[[str], str]) -> Shard:
    def strip(diagnosed: Diagnosed) -> Diagnosed:
        recording = diagnosed.recording
        return replace(diagnosed, recording=replace(recording, case=without_values(recording.case)))

    parts = tuple(
        replace(part, diagnosed=[strip(diagnosed) for diagnosed in part.diagnosed])
        for part in shard.parts
    )
    again = {
        key: replace(value, other=value.other and strip(value.other))
        for key, value in shard.again.items()
    }
    plain = msgspec.to_builtins(replace(shard, parts=parts, again=again))
    return msgspec.convert(_mapped(plain, text), Shard)


def _mapped(value: Any, text: Callable[[str], str]) -> Any:
    """``value`` with ``text`` applied to every string in it; keys are wsdoctor's own words."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {key: _mapped(item, text) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(item, text) for item in value]
    return value

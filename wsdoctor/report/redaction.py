"""What the user gave to get past a handshake does not leave the process.

Values of headers, cookies and query parameters are secrets until proven otherwise. The command
line is redacted by its grammar, free text of a Report by searching for the values. Names, paths,
kinds and ids are left alone: they are wsdoctor's own words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, quote_plus

from msgspec import Struct
from msgspec.structs import replace

from wsdoctor.diagnosis.finding import CaseResult, Finding
from wsdoctor.recording.case import Case, SendStep, Step
from wsdoctor.recording.events import ReceiveReturned, SendCalled, StacksSampled
from wsdoctor.recording.recording import MomentPassed
from wsdoctor.report.model import Report, Timeline
from wsdoctor.report.secrets import SHORTEST_SECRET
from wsdoctor.report.shard import Shard

REDACTED = "***"

_CUT = "…"


def redact_text(text: str, secrets: Sequence[str]) -> str:
    """``text`` with ``***`` in place of every secret, also of one that was cut off with ``…``."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
        if _CUT in text and secret[:SHORTEST_SECRET] in text:
            for length in range(len(secret) - 1, SHORTEST_SECRET - 1, -1):
                text = text.replace(secret[:length] + _CUT, REDACTED + _CUT)
    return text


def redact(report: Report, secrets: Sequence[str]) -> Report:
    """The same Report without the secrets in its sentences, evidence, notes and timelines.

    It also removes every value of a header or query from the handshakes, a secret or not.
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
            case=value.case and without_secrets(value.case, secrets),
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
        target=replace(report.target, spec=text(report.target.spec)),
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
        shard=report.shard and _redact_shard(report.shard, secrets),
    )


def redact_reasons(report: Report, secrets: Sequence[str]) -> Report:
    """The same for what was suppressed meanwhile: the reasons in comments of the user's code."""
    return replace(
        report,
        suppressed=tuple(
            replace(item, reason=redact_text(item.reason, secrets)) for item in report.suppressed
        ),
    )


def without_values(case: Case) -> Case:
    """``case`` with the names of its headers and queries, but not their values."""
    opening = case.handshake
    told = {"host", *(name.lower() for name in opening.made_up)}
    headers = tuple(
        (name, value if name.lower() in told else REDACTED) for name, value in opening.headers
    )
    query = "&".join(
        f"{quote_plus(name)}={quote_plus(value) if name.lower() in told - {'host'} else REDACTED}"
        for name, value in parse_qsl(opening.query, keep_blank_values=True)
    )
    return replace(case, handshake=replace(opening, headers=headers, query=query))


def without_secrets(case: Case, secrets: Sequence[str]) -> Case:
    """``case`` without values of its handshake, and without ``secrets`` in what else reaches the handler.

    A path without parameters is the route's own, whatever it may be called.
    """
    case = without_values(case)
    opening = case.handshake
    path = opening.path if opening.path == case.route else redact_text(opening.path, secrets)
    return replace(
        case,
        handshake=replace(
            opening,
            path=path,
            subprotocols=tuple(redact_text(name, secrets) for name in opening.subprotocols),
        ),
        script=tuple(_redact_step(step, secrets) for step in case.script),
    )


def _redact_step(step: Step, secrets: Sequence[str]) -> Step:
    if not isinstance(step, SendStep):
        return step
    if step.text is not None:
        return replace(step, text=redact_text(step.text, secrets))
    if redact_text(step.hex, secrets) == step.hex:
        return step
    return SendStep(text=REDACTED)  # of bytes, too, nothing is left that could be sent


def _redact_shard(shard: Shard, secrets: Sequence[str]) -> Shard:
    redacted: Shard = _mapped(shard, secrets)
    return redacted


_SAID = frozenset(
    {
        *("awaits", "container", "detail", "difference", "driver", "evidence", "logger", "message"),
        *("name", "note", "otherwise_note", "owner", "path", "preview", "reason", "setting"),
        *("snippet", "sources", "subprotocol", "unfinished", "value", "waiting_for", "way"),
    }
)
"""Fields of a Recording and its diagnosis that hold what the application, or the user's file, said."""

_OWN_WORDS = frozenset(
    {
        (MomentPassed, "name"),
        (ReceiveReturned, "message"),
        (SendCalled, "message"),
        (StacksSampled, "reason"),
    }
)
"""Fields called like those that hold wsdoctor's own words."""


def _mapped(value: Any, secrets: Sequence[str]) -> Any:
    """``value`` without ``secrets`` in what was said in it, and in every Case."""
    if isinstance(value, Case):
        return without_secrets(value, secrets)
    if isinstance(value, Struct):
        changed = {}
        for name in value.__struct_fields__:
            before = getattr(value, name)
            said = name in _SAID and (type(value), name) not in _OWN_WORDS
            changed[name] = _mapped(_said(before, secrets) if said else before, secrets)
        return replace(value, **changed)
    if isinstance(value, dict):
        return {key: _mapped(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_mapped(item, secrets) for item in value)
    return value


def _said(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        return redact_text(value, secrets)
    if isinstance(value, dict):
        return {key: _said(item, secrets) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_said(item, secrets) for item in value)
    return value

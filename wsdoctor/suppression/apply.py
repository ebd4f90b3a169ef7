"""Move the findings that the user has decided to accept out of a Report's findings.

The Report keeps them as ``suppressed``, with the source of the suppression.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from dataclasses import replace as replace_fields
from pathlib import Path

from msgspec.structs import replace

from wsdoctor.diagnosis.finding import CaseResult, Finding, Schedules, Verdict
from wsdoctor.diagnosis.findings import verdict
from wsdoctor.report.model import Report, Suppressed
from wsdoctor.report.summary import shows
from wsdoctor.suppression.baseline import Baseline, written_baseline
from wsdoctor.suppression.comments import Comments, read_comments

_SHOWN = 3
"""How many stale entries are named; the rest is counted."""


_Key = tuple[str, str, int]
"""Fingerprint, file and line: what tells one finding of a commit from all others."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What to live with.

    ``select`` are the only codes to report, None for all; ``ignore`` those not to report.
    ``route_ignore`` are those of one route. ``shards`` are the reports that the one to be judged was
    merged from: what they suppressed stays so. ``whole`` says that everything was tried, so that
    what did not come up is not there any more.
    """

    select: frozenset[str] | None = None
    ignore: frozenset[str] = frozenset()
    route_ignore: dict[str, frozenset[str]] = field(default_factory=dict)
    baseline: Baseline | None = None
    shards: tuple[Report, ...] = ()
    whole: bool = False


def silence(report: Report, decisions: Decisions) -> Report:
    """``report`` with the findings that ``decisions``, and comments in the code, suppress apart."""
    comments = {file: _comments_in(file) for file in sorted(_files(report))}
    known = decisions.baseline.counts if decisions.baseline else Counter[str]()
    earlier = _earlier(decisions)
    kept: list[Finding] = []
    suppressed: list[Suppressed] = []
    for finding in report.findings:
        reason = _by_rule(finding, decisions) or _by_comment(finding, comments)
        if reason is None and finding.severity != "info" and known[finding.fingerprint]:
            known[finding.fingerprint] -= 1
            reason = Suppressed(finding, by="baseline")
        if reason is None and (before := earlier.get(_key(finding))) is not None:
            reason = replace(before, finding=finding)
        if reason is None:
            kept.append(finding)
        else:
            suppressed.append(reason)
    notes = list(dict.fromkeys((*report.notes, *_mistakes(comments))))
    if decisions.whole and not report.interrupted:
        notes += _unused(comments)
        notes += _stale(report, decisions.baseline, known)
    result = replace(report, findings=tuple(kept), suppressed=tuple(suppressed), notes=tuple(notes))
    return _judged_again(result) if suppressed else result


def updated_baseline(report: Report, decisions: Decisions, path: Path) -> Decisions:
    """``decisions`` with a new baseline, written to ``path``: all that they do not suppress otherwise.

    Entries of routes that were not checked this time stay. Raises BaselineError.
    """
    rest = silence(report, replace_fields(decisions, baseline=Baseline()))
    routes = {case.route for case in report.cases}
    before = decisions.baseline.findings if decisions.baseline else ()
    new = written_baseline(
        path,
        (finding for finding in rest.findings if finding.severity != "info"),
        (entry for entry in before if entry.route not in routes),
    )
    return replace_fields(decisions, baseline=new)


# --- who suppresses a finding


def _by_rule(finding: Finding, decisions: Decisions) -> Suppressed | None:
    if decisions.select is not None and finding.code not in decisions.select:
        return Suppressed(finding, by="select")
    if finding.code in decisions.ignore | decisions.route_ignore.get(finding.route, frozenset()):
        return Suppressed(finding, by="ignore")
    return None


def _by_comment(finding: Finding, comments: dict[str, Comments]) -> Suppressed | None:
    for place in (finding.location, finding.handler):
        if place is None:
            continue
        for comment in comments.get(place.file, Comments()).comments:
            if comment.silences(finding.code, place.line):
                comment.used = True
                return Suppressed(finding, by="comment", reason=comment.reason)
    return None


def _earlier(decisions: Decisions) -> dict[_Key, Suppressed]:
    """Findings that shards suppressed and none of them reported: shards may have had different settings.

    A baseline of today replaces theirs.
    """
    reported = {_key(finding) for shard in decisions.shards for finding in shard.findings}
    return {
        key: item
        for shard in decisions.shards
        for item in shard.suppressed
        if (key := _key(item.finding)) not in reported
        and (item.by != "baseline" or decisions.baseline is None)
    }


def _key(finding: Finding) -> _Key:
    where = finding.location
    return finding.fingerprint, where.file if where else "", where.line if where else 0


# --- comments


def _files(report: Report) -> set[str]:
    places = [
        *(finding.location for finding in report.findings),
        *(finding.handler for finding in report.findings),
    ]
    return {place.file for place in places if place is not None} | {
        point.file for point in report.coverage.awaits
    }


def _comments_in(file: str) -> Comments:
    try:
        source = Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return Comments()  # a report from elsewhere
    return read_comments(source, file)


def _mistakes(comments: dict[str, Comments]) -> Iterator[str]:
    for found in comments.values():
        yield from found.mistakes


def _unused(comments: dict[str, Comments]) -> Iterator[str]:
    for file, found in comments.items():
        for comment in found.comments:
            if not comment.used:
                codes = ",".join(sorted(comment.codes))
                yield (
                    f"{file}:{comment.line}: # wsdoctor: ignore[{codes}] is not needed any more: "
                    "nothing of that kind was found there"
                )


# --- the baseline


def _stale(report: Report, baseline: Baseline | None, left: Counter[str]) -> Iterator[str]:
    if baseline is None:
        return
    routes = {case.route for case in report.cases}
    stale = []
    for entry in reversed(baseline.findings):
        if entry.route in routes and left[entry.fingerprint]:
            left[entry.fingerprint] -= 1
            stale.append(entry)
    if stale:
        names = [f"{entry.code} {entry.route} {entry.file}".strip() for entry in reversed(stale)]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield (
            f"the baseline has {len(names)} {'entry' if len(names) == 1 else 'entries'} that "
            f"did not come up any more ({', '.join(names[:_SHOWN])}{more}): "
            "--baseline-update takes them out"
        )


# --- what is left


def _judged_again(report: Report) -> Report:
    """``report`` with the verdicts of its cases, and its own, over the findings that are left."""
    cases = tuple(_case(case, report.findings) for case in report.cases)
    return replace(report, cases=cases, verdict=_verdict(report, cases))


def _case(case: CaseResult, left: tuple[Finding, ...]) -> CaseResult:
    """``case``, healthy now if none of what is ``left`` shows on its route, server and kind."""
    if case.verdict != "defective" or any(
        finding.severity != "info" and shows(finding, case.route, case.server, case.kind)
        for finding in left
    ):
        return case
    moments = case.moments
    unsure = bool(case.note) or (moments is not None and moments.inconclusive > 0)
    return replace(
        case,
        verdict="inconclusive" if unsure else "healthy",
        moments=moments
        and Schedules(
            healthy=moments.total - moments.inconclusive - moments.not_judged,
            inconclusive=moments.inconclusive,
            not_judged=moments.not_judged,
        ),
    )


def _verdict(report: Report, cases: tuple[CaseResult, ...]) -> Verdict:
    if report.verdict != "defective":
        return report.verdict
    decided = verdict(cases)
    moments = report.coverage.moments
    if decided == "healthy" and (report.interrupted or moments.covered < moments.total):
        return "inconclusive"
    return decided

"""From many cases to findings: the same cause of many cases is one finding."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from wsdoctor.diagnosis.causes import Cause
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.dialect import dialect_of
from wsdoctor.diagnosis.divergence import Divergence, told
from wsdoctor.diagnosis.finding import (
    GRAVITY,
    CaseResult,
    Fault,
    Finding,
    FindingEffect,
    Location,
    Mark,
    Markers,
    Moments,
    Verdict,
)
from wsdoctor.diagnosis.grouping import (
    STRENGTH,
    Group,
    Member,
    Name,
    groups,
    preference,
    site_of,
)
from wsdoctor.diagnosis.location import where
from wsdoctor.diagnosis.rule import EFFECTS, Occurrence
from wsdoctor.diagnosis.rules import RANK, RULES
from wsdoctor.diagnosis.upstream import upstream_remedy
from wsdoctor.plan.kinds import place_of_kind
from wsdoctor.recording.case import Case
from wsdoctor.recording.events import StackFrame
from wsdoctor.recording.recording import Recording


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A finding with the case that shows it best, and the places of its events in that Recording.

    ``own`` are the cases that name the finding, by ``name``. ``compared`` are the cases that fail only
    beside those on other servers, and then it has no such name.
    """

    finding: Finding
    recording: Recording
    faulty: tuple[int, ...]
    own: tuple[Case, ...] = ()
    name: Name | None = None
    compared: tuple[Case, ...] = ()


def strongest(results: Iterable[CaseResult]) -> Markers:
    """The markers over many cases: logged over masked over no."""
    disconnect: Mark = "no"
    message: Mark = "no"
    for result in results:
        disconnect = max(disconnect, result.markers.websocket_disconnect, key=STRENGTH.__getitem__)
        message = max(message, result.markers.unexpected_asgi_message, key=STRENGTH.__getitem__)
    return Markers(disconnect, message)


def verdict(results: Sequence[CaseResult]) -> Verdict:
    """The verdict over many cases. An undecided case is never a pass.

    A case in which the handler did not understand what wsdoctor made up says nothing either way.
    """
    judged = [result for result in results if not result.not_judged]
    counts = Counter(result.verdict for result in judged)
    if counts["defective"]:
        return "defective"
    if not judged or counts["nothing-checked"] == len(judged):
        return "nothing-checked"
    if counts["inconclusive"] or counts["nothing-checked"]:
        return "inconclusive"
    return "healthy"


def findings(
    diagnosed: Sequence[Diagnosed],
    rows: Sequence[CaseResult] = (),
    refuted: frozenset[Name] = frozenset(),
) -> tuple[Exhibit, ...]:
    """The findings over many cases, the gravest first: one for each group of causes.

    ``rows`` are the results of all cases, if ``diagnosed`` are only some of them. A ``refuted`` name is
    the name of a finding only if nothing else can be.
    """
    rows = rows or [case.result for case in diagnosed]
    checked: Counter[str] = Counter()
    servers: dict[str, set[str]] = {}
    for row in rows:
        checked[row.route] += row.moments.total if row.moments else 1
        servers.setdefault(row.route, set()).add(row.server)
    return in_order(
        _exhibit(group, checked[group.site.route], sorted(servers.get(group.site.route, ())))
        for group in groups(diagnosed, refuted)
    )


def in_order(exhibits: Iterable[Exhibit]) -> tuple[Exhibit, ...]:
    """The gravest first: by severity, by effect, then by route, rank and line."""

    def order(item: Exhibit) -> tuple[int, int, str, int, str, int]:
        finding, location = item.finding, item.finding.location
        return (
            -GRAVITY[finding.severity],
            EFFECTS.index(RULES[finding.code].effect),
            finding.route,
            RANK[finding.code],
            location.file if location else "",
            location.line if location else 0,
        )

    return tuple(sorted(exhibits, key=order))


def with_compared(rows: Iterable[CaseResult], exhibits: Iterable[Exhibit]) -> list[CaseResult]:
    """``rows``, in which the cases are defective that fail only beside those on other servers."""
    failing = [
        (case, exhibit.finding.code)
        for exhibit in exhibits
        if exhibit.finding.severity != "info"
        for case in exhibit.compared
    ]
    return [_row_with(row, failing) for row in rows]


def _row_with(row: CaseResult, failing: list[tuple[Case, str]]) -> CaseResult:
    here = [
        code
        for case, code in failing
        if (case.route, case.server, case.kind) == (row.route, row.server, row.kind)
        and (row.moments is not None or case.moment == row.moment)
    ]
    if not here:
        return row
    moments = row.moments and replace(
        row.moments,
        healthy=row.moments.healthy - len(here),
        defective=row.moments.defective + len(here),
    )
    codes = tuple(dict.fromkeys((*row.codes, *here)))
    return replace(row, verdict="defective", codes=codes, moments=moments)


def diverging(divergence: Divergence, rows: Iterable[CaseResult]) -> Exhibit:
    """The finding on ``divergence``; ``rows`` are the results of all that was run.

    It is of several cases, each of which is healthy, so there is no Recording to be shown.
    """
    shown = divergence.shown
    case, rule = shown.case, next(rule for rule in RULES.values() if rule.across_servers)
    place = shown.handler if divergence.unread else None
    location = (
        None if place is None else Location(place.file, place.line, place.function, shown.snippet)
    )
    marks: dict[str, Mark] = dict.fromkeys(divergence.others, "no")
    marks |= dict.fromkeys(divergence.apart, "masked")
    checked = sum(
        row.moments.total if row.moments else 1 for row in rows if row.route == case.route
    )
    fault: Fault = "app" if divergence.unread else "server"
    finding = Finding(
        code=rule.code,
        name=rule.name,
        severity="warning" if divergence.unread else "info",
        fault=fault,
        route=case.route,
        message=told(divergence),
        location=location,
        servers=dict(sorted(marks.items())),
        disconnects=divergence.kinds,
        moments=Moments(failing=divergence.failing, checked=checked, earliest=case.moment),
        evidence=(f"the case is healthy on each of them: {', '.join(sorted(marks))}",),
        symptoms=(),
        remedy=upstream_remedy(fault, divergence.dialect, "")
        or rule.remedy_for(divergence.dialect),
        fingerprint=_fingerprint(
            case.route, rule.code, location, f"{divergence.aspect} {' '.join(divergence.apart)}"
        ),
        replay=case.id,
        case=case,
    )
    recording = Recording(case=case, clock="virtual", framework=divergence.framework, events=())
    return Exhibit(finding=finding, recording=recording, faulty=(), compared=divergence.cases)


def _exhibit(group: Group, checked: int, servers: list[str]) -> Exhibit:
    best_case, best = min(group.own, key=preference)
    occurrence = best.occurrence
    everything = [
        (case, item)
        for case, cause in group.members
        for item in (cause.occurrence, *cause.symptoms)
    ]
    marks: dict[str, Mark] = dict.fromkeys(servers, "no")
    for case, item in everything:
        server = case.result.server
        marks[server] = max(marks.get(server, "no"), item.mark, key=STRENGTH.__getitem__)
    severity = (
        max((item.severity for _, item in everything), key=GRAVITY.__getitem__)
        if occurrence.fault == "app"
        else occurrence.severity
    )
    by_case = group.by_case
    cases = sorted((member.case for member in by_case.values()), key=_order)
    recording = best_case.recording
    location = _location(recording, occurrence.place)
    rule, dialect = RULES[group.code], dialect_of(recording, occurrence.place)
    inside, fault = occurrence.inside, occurrence.fault
    package = inside.package if inside is not None and fault == "package" else ""
    finding = Finding(
        code=rule.code,
        name=rule.name,
        severity=severity,
        fault=fault,
        package=package,
        route=group.site.route,
        message=occurrence.message,
        location=location,
        servers=marks,
        disconnects=tuple(sorted({case.result.kind for case in cases}, key=place_of_kind)),
        moments=Moments(failing=len(cases), checked=checked, earliest=_moment(cases[0])),
        effects=_effects(by_case.values()),
        evidence=tuple(
            dict.fromkeys(
                (
                    *occurrence.evidence,
                    *(f"the same happens at {other}" for other in _elsewhere(group)),
                    *_evidence(best),
                )
            )
        ),
        symptoms=tuple(sorted(_codes(group, everything) - {rule.code})),
        remedy=upstream_remedy(fault, dialect, package)
        or rule.remedy_for(dialect, occurrence.setting),
        links=rule.links_for(dialect),
        fingerprint=_fingerprint(
            group.site.route, rule.code, location, _whose(occurrence, group.site.whose)
        ),
        replay=best_case.result.id,
        case=recording.case,
        handler=_location(recording, recording.handler),
    )
    faulty = tuple(sorted({occurrence.index, *(item.index for item in best.symptoms)}))
    own = tuple(member.case.recording.case for member in group.own)
    return Exhibit(finding=finding, recording=recording, faulty=faulty, own=own, name=group.name)


def _effects(members: Iterable[Member]) -> tuple[FindingEffect, ...]:
    """How many cases had which effect, the gravest first; each case counts for its gravest."""
    counts = Counter((member.effect, member.cause.occurrence.code) for member in members)
    return tuple(
        FindingEffect(code=code, happens=RULES[code].happens, cases=counts[effect, code])
        for effect, code in sorted(
            counts, key=lambda item: (EFFECTS.index(item[0]), -counts[item], RANK[item[1]])
        )
    )


def _elsewhere(group: Group) -> list[str]:
    """The other lines at which the same happens."""
    places = {
        where(member.cause.occurrence.place)
        for member in group.members
        if member.cause.occurrence.place is not None
        and member.cause.occurrence.code == group.code
        and site_of(member.case, member.cause.occurrence) != group.site
    }
    return sorted(places)


def _codes(group: Group, everything: Iterable[tuple[Diagnosed, Occurrence]]) -> set[str]:
    """The codes of all that belongs to the finding."""
    return (
        {item.code for _, item in everything}
        | {symptom for _, item in everything for symptom in item.symptoms}
        | {member.cause.occurrence.code for member in group.remarks}
    )


def _order(case: Diagnosed) -> tuple[float, int, tuple[int, str], str, str]:
    """The order of cases by the moment of their disconnect; of one moment, that of the plan."""
    time, step = case.acted or (float("inf"), 0)
    result = case.result
    return time, step, place_of_kind(result.kind), result.server, result.id


def _moment(case: Diagnosed) -> str:
    """The moment of a case, and in a sweep where the user's code was suspended then."""
    name = case.result.moment
    lines = [line for passed in case.recording.moments for line in passed.suspended]
    if not lines:
        return name
    return (
        f"{name}, while `{lines[0].function.rpartition('.')[2]}` was suspended at {where(lines[0])}"
    )


def _evidence(cause: Cause) -> Iterable[str]:
    for symptom in cause.symptoms:
        if RULES[symptom.code].stops_at == "moment":
            continue  # how far the client's script came is no evidence against anybody
        yield f"{symptom.code}: {symptom.message}"


def _location(recording: Recording, place: StackFrame | None) -> Location | None:
    if place is None:
        return None
    lines = recording.sources.get(place.file, "").splitlines()
    snippet = lines[place.line - 1].strip() if 0 < place.line <= len(lines) else ""
    return Location(file=place.file, line=place.line, function=place.function, snippet=snippet)


def _whose(occurrence: Occurrence, server: str) -> str:
    """The code at fault if it is not a line of the user's, in a form that is equal on every machine."""
    inside = occurrence.inside
    return server if inside is None else f"{inside.package}.{inside.function}"


def _fingerprint(route: str, code: str, location: Location | None, whose: str) -> str:
    """Stable under edits elsewhere: no line numbers, no folders."""
    parts = [route, code]
    if location is None:
        parts += [whose] if whose else []
    else:
        parts += [
            location.file.replace("\\", "/").rpartition("/")[2],
            location.function,
            location.snippet,
        ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

"""From many cases to findings: the same cause of many cases is one finding."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wsdoctor.diagnosis.blame import where
from wsdoctor.diagnosis.causes import Cause
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.divergence import Divergence, told
from wsdoctor.diagnosis.finding import (
    GRAVITY,
    CaseResult,
    Finding,
    Location,
    Mark,
    Markers,
    Moments,
    Verdict,
)
from wsdoctor.diagnosis.rule import Occurrence
from wsdoctor.diagnosis.rules import RANK, RULES
from wsdoctor.diagnosis.source import scope_of
from wsdoctor.recording.events import StackFrame
from wsdoctor.recording.recording import Recording

_STRENGTH: dict[Mark, int] = {"no": 0, "masked": 1, "logged": 2}
_UNCAUGHT = frozenset({"WSD201"})
"""Several lines of one function that let the disconnect out are one cause: one `except` is missing."""

_NAMELESS = frozenset({"WSD001", "WSD002", "WSD003"})
"""What could not be checked is no name for what else was found on its line."""

_LATE = frozenset({"WSD401", "WSD402", "WSD403"})


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A finding with the case that shows it best, and the places of its events in that Recording."""

    finding: Finding
    recording: Recording
    faulty: tuple[int, ...]


def strongest(results: Iterable[CaseResult]) -> Markers:
    """The markers over many cases: logged over masked over no."""
    disconnect: Mark = "no"
    message: Mark = "no"
    for result in results:
        disconnect = max(disconnect, result.markers.websocket_disconnect, key=_STRENGTH.__getitem__)
        message = max(message, result.markers.unexpected_asgi_message, key=_STRENGTH.__getitem__)
    return Markers(disconnect, message)


def verdict(results: Sequence[CaseResult]) -> Verdict:
    """The verdict over many cases. What could not be decided is never a pass."""
    counts = Counter(result.verdict for result in results)
    if counts["defective"]:
        return "defective"
    if not results or counts["nothing-checked"] == len(results):
        return "nothing-checked"
    if counts["inconclusive"] or counts["nothing-checked"]:
        return "inconclusive"
    return "healthy"


_Key = tuple[str, str, str, int]
"""route, code, file, line; without a line of the user's no file, or the server whose fault it is"""

_Member = tuple[Diagnosed, Cause]


def findings(
    diagnosed: Sequence[Diagnosed], rows: Sequence[CaseResult] = ()
) -> tuple[Exhibit, ...]:
    """The findings over many cases, the gravest first: one for each cause.

    ``rows`` are the results of all that was run, if ``diagnosed`` are only some of them.
    """
    groups: dict[_Key, list[_Member]] = {}
    dragged: dict[_Key, _Key] = {}
    for case in diagnosed:
        for cause in case.causes:
            key = _key(case, cause.occurrence)
            groups.setdefault(key, []).append((case, cause))
            for symptom in cause.symptoms:
                symptom_key = _key(case, symptom)
                # Without a line of the user's it says nothing about where else it comes from. But who
                # does not know how to refuse its client is what refuses it at other moments, too.
                known = symptom.place is not None or symptom.code == "WSD002"
                if symptom_key != key and known:
                    dragged.setdefault(symptom_key, key)
    merged = _merge(groups, dragged)
    rows = rows or [case.result for case in diagnosed]
    checked: Counter[str] = Counter()
    for row in rows:
        checked[row.route] += row.moments.total if row.moments else 1
    servers = {
        route: sorted({row.server for row in rows if row.route == route}) for route in checked
    }
    exhibits = [
        _exhibit(key, members, checked[key[0]], servers[key[0]]) for key, members in merged.items()
    ]
    return in_order(exhibits)


def in_order(exhibits: Iterable[Exhibit]) -> tuple[Exhibit, ...]:
    """The gravest first, then by route, and by rank."""
    return tuple(
        sorted(
            exhibits,
            key=lambda item: (
                -GRAVITY[item.finding.severity],
                item.finding.route,
                RANK[item.finding.code],
            ),
        )
    )


def diverging(divergence: Divergence, rows: Iterable[CaseResult]) -> Exhibit:
    """The finding WSD801 on ``divergence``; ``rows`` are the results of all that was run.

    It is of several cases, each of which is healthy, so there is no Recording to be shown.
    """
    shown = divergence.shown
    case, rule = shown.case, RULES["WSD801"]
    place = shown.handler if divergence.unread else None
    location = (
        None if place is None else Location(place.file, place.line, place.function, shown.snippet)
    )
    marks: dict[str, Mark] = dict.fromkeys(divergence.others, "no")
    marks |= dict.fromkeys(divergence.apart, "masked")
    checked = sum(
        row.moments.total if row.moments else 1 for row in rows if row.route == case.route
    )
    finding = Finding(
        code=rule.code,
        name=rule.name,
        severity="warning" if divergence.unread else "info",
        fault="app" if divergence.unread else "server",
        route=case.route,
        message=told(divergence),
        location=location,
        servers=dict(sorted(marks.items())),
        disconnects=divergence.kinds,
        moments=Moments(failing=divergence.failing, checked=checked, earliest=case.moment),
        evidence=(f"the case is healthy on each of them: {', '.join(sorted(marks))}",),
        symptoms=(),
        remedy=rule.remedy_for(divergence.framework),
        fingerprint=_fingerprint(
            case.route, rule.code, location, f"{divergence.aspect} {' '.join(divergence.apart)}"
        ),
        replay=case.id,
        case=case,
    )
    recording = Recording(case=case, clock="virtual", framework=divergence.framework, events=())
    return Exhibit(finding=finding, recording=recording, faulty=())


def _key(case: Diagnosed, occurrence: Occurrence) -> _Key:
    route, code, place = case.result.route, occurrence.code, occurrence.place
    if place is not None:
        return (route, code, place.file, place.line)
    if (inside := occurrence.inside) is not None:
        return (route, code, inside.file, inside.line)
    # Each implementation has bugs of its own.
    return (route, code, case.result.server if occurrence.fault == "server" else "", 0)


def _merge(
    groups: dict[_Key, list[_Member]], dragged: dict[_Key, _Key]
) -> dict[_Key, list[_Member]]:
    """Join what is one cause: a symptom elsewhere, or two codes on the same line of one route.

    Of two codes on one line the more frequent one names it: which it is may be a matter of the
    moment. That a handler is late, or what is told by the way, is never the name of something graver.
    """
    target = _caught_together(groups)
    for key in groups:
        cause = dragged.get(key)
        if cause in groups and cause != key and dragged.get(cause) != key:
            target[key] = cause
    by_line: dict[tuple[str, str, int], _Key] = {}

    def precedence(key: _Key) -> tuple[bool, bool, int, int]:
        told = all(cause.occurrence.severity == "info" for _, cause in groups[key])
        return (told, key[1] in _LATE, -len(groups[key]), RANK[key[1]])

    for key in sorted(groups, key=precedence):
        route, code, file, line = key
        if key in target or not line or code in _NAMELESS:
            continue
        first = by_line.setdefault((route, file, line), key)
        if first != key:
            target[key] = first
    merged: dict[_Key, list[_Member]] = {}
    for key, members in groups.items():
        root, seen = key, {key}
        while root in target and target[root] not in seen:
            root = target[root]
            seen.add(root)
        merged.setdefault(root, []).extend(members)
    return merged


def _caught_together(groups: dict[_Key, list[_Member]]) -> dict[_Key, _Key]:
    """For lines through which the disconnect leaves one ``try``, or function: the most frequent."""
    target: dict[_Key, _Key] = {}
    first_of: dict[tuple[str, str, tuple[int, int]], _Key] = {}
    for key in sorted(groups, key=lambda key: -len(groups[key])):
        case, cause = _best(groups[key])
        place = cause.occurrence.place
        if key[1] not in _UNCAUGHT or place is None:
            continue
        scope = (key[0], key[2], scope_of(case.recording, place))
        first = first_of.setdefault(scope, key)
        if first != key:
            target[key] = first
    return target


def _exhibit(key: _Key, members: list[_Member], checked: int, servers: list[str]) -> Exhibit:
    route, code, whose, _ = key
    own = [(case, cause) for case, cause in members if _key(case, cause.occurrence) == key]
    elsewhere = {
        where(cause.occurrence.place): None
        for case, cause in members
        if cause.occurrence.code == code and _key(case, cause.occurrence) != key
    }
    best_case, best = _best(own)
    occurrence = best.occurrence
    everything = [
        (case, item) for case, cause in members for item in (cause.occurrence, *cause.symptoms)
    ]
    marks: dict[str, Mark] = dict.fromkeys(servers, "no")
    for case, item in everything:
        server = case.result.server
        marks[server] = max(marks[server], item.mark, key=_STRENGTH.__getitem__)
    severity = (
        max((item.severity for _, item in everything), key=GRAVITY.__getitem__)
        if occurrence.fault == "app"
        else occurrence.severity
    )
    symptoms = {item.code for _, item in everything} | {
        symptom for _, item in everything for symptom in item.symptoms
    }
    cases = {case.result.id: case for case, _ in members}
    recording = best_case.recording
    location = _location(recording, occurrence.place)
    rule = RULES[code]
    finding = Finding(
        code=code,
        name=rule.name,
        severity=severity,
        fault=occurrence.fault,
        package=(
            occurrence.inside.package
            if occurrence.inside is not None and occurrence.fault == "package"
            else ""
        ),
        route=route,
        message=occurrence.message,
        location=location,
        servers=marks,
        disconnects=tuple(dict.fromkeys(case.result.kind for case in cases.values())),
        moments=Moments(
            failing=len(cases), checked=checked, earliest=_moment(next(iter(cases.values())))
        ),
        evidence=tuple(
            dict.fromkeys(
                (
                    *occurrence.evidence,
                    *(f"the same happens at {other}" for other in elsewhere),
                    *_evidence(best),
                )
            )
        ),
        symptoms=tuple(sorted(symptoms - {code})),
        remedy=rule.remedy_for(recording.framework, occurrence.setting),
        links=rule.links_for(recording.framework),
        fingerprint=_fingerprint(route, code, location, _whose(occurrence, whose)),
        replay=best_case.result.id,
        case=recording.case,
        handler=_location(recording, recording.handler),
    )
    faulty = tuple(sorted({occurrence.index, *(item.index for item in best.symptoms)}))
    return Exhibit(finding=finding, recording=recording, faulty=faulty)


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
        if symptom.code == "WSD003":
            continue  # how far the client's script came is no evidence against anybody
        yield f"{symptom.code}: {symptom.message}"


def condensed(diagnosed: Iterable[Diagnosed]) -> list[Diagnosed]:
    """The same cases; only those that show a cause best keep the events of their Recording."""
    kept = list(diagnosed)
    groups: dict[_Key, list[_Member]] = {}
    for case in kept:
        for cause in case.causes:
            groups.setdefault(_key(case, cause.occurrence), []).append((case, cause))
    best = {id(_best(members)[0]) for members in groups.values()}
    return [case if id(case) in best else case.without_events() for case in kept]


def _best(members: list[_Member]) -> _Member:
    return min(members, key=_preference)


def _preference(member: _Member) -> tuple[int, int, int, int]:
    """Which case shows a cause best: one that the server logged, with the plainest disconnect.

    Of those one in which the client had seen the connection open: that is what people think of.
    """
    case, cause = member
    strength = max(_STRENGTH[item.mark] for item in (cause.occurrence, *cause.symptoms))
    plain = {"close": 0, "abort": 1}.get(case.recording.case.act, 2)
    return (-strength, plain, int(not case.recording.opened), case.result.events)


def _location(recording: Recording, place: StackFrame | None) -> Location | None:
    if place is None:
        return None
    lines = recording.sources.get(place.file, "").splitlines()
    snippet = lines[place.line - 1].strip() if 0 < place.line <= len(lines) else ""
    return Location(file=place.file, line=place.line, function=place.function, snippet=snippet)


def _whose(occurrence: Occurrence, server: str) -> str:
    """Who is at fault where it is not a line of the user's: stable on every machine."""
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

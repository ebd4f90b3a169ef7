"""Which causes, over many cases, are one finding.

The application's causes at one line of one route are one defect, whatever each of them did: an
``except`` that is missing lets an exception out here and leaves a task there. A cause takes its
symptoms along only in the case in which it explains them (``causes``). Causes that are not the
application's fault have groups of their own, so that they never hide those that are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from wsdoctor.diagnosis.causes import Cause
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.finding import Fault, Mark
from wsdoctor.diagnosis.rule import EFFECTS, Effect, Occurrence
from wsdoctor.diagnosis.rules import RANK, RULES
from wsdoctor.diagnosis.source import scope_of
from wsdoctor.recording.case import AGAIN, LATE, MESSAGE, SCARCE, THIRD, TOGETHER
from wsdoctor.recording.events import StackFrame

STRENGTH: dict[Mark, int] = {"no": 0, "masked": 1, "logged": 2}


class Site(NamedTuple):
    """Where a defect is: a line of the user's, or else who is at fault and for what.

    Nearly all codes of the application's at one line share a site, which has no ``code`` of its own. At one
    line of another party's those share one that say it is stuck there.
    ``whose`` is the server whose own failure it is: each implementation has bugs of its own.
    """

    route: str
    fault: Fault
    code: str
    file: str
    line: int
    whose: str = ""


Name = tuple[Site, str]
"""What a finding is called by: a site, and the code of its gravest causes there."""


class Member(NamedTuple):
    """A cause, and the case that has it."""

    case: Diagnosed
    cause: Cause

    @property
    def effect(self) -> Effect:
        return effect_of(self.cause.occurrence)

    @property
    def is_remark(self) -> bool:
        return self.cause.occurrence.severity == "info"


@dataclass(frozen=True, slots=True)
class Group:
    """The causes that are one finding, which is called ``code`` and lies at ``site``.

    ``remarks`` are of the same lines and fail no build, or are refuted, while ``members`` are neither; they
    are not counted.
    """

    code: str
    site: Site
    members: tuple[Member, ...]
    remarks: tuple[Member, ...] = ()

    @property
    def name(self) -> Name:
        return self.site, self.code

    @property
    def own(self) -> list[Member]:
        """The members that name it."""
        return [
            member
            for member in self.members
            if member.cause.occurrence.code == self.code
            and site_of(member.case, member.cause.occurrence) == self.site
        ]

    @property
    def by_case(self) -> dict[str, Member]:
        """The gravest member of each case, by the case's id."""
        gravest: dict[str, Member] = {}
        for member in self.members:
            case = member.case.result.id
            gravest[case] = min(gravest.get(case, member), member, key=_gravity)
        return gravest


def _gravity(member: Member) -> tuple[int, int]:
    return EFFECTS.index(member.effect), RANK[member.cause.occurrence.code]


def effect_of(occurrence: Occurrence) -> Effect:
    """What ``occurrence`` does to the application; what fails no build is a remark."""
    if occurrence.severity == "info":
        return "remark"
    return occurrence.effect or RULES[occurrence.code].effect


def site_of(case: Diagnosed, occurrence: Occurrence) -> Site:
    """Where ``occurrence`` belongs."""
    route, code, fault = case.result.route, occurrence.code, occurrence.fault
    place = occurrence.place or occurrence.inside
    if place is None:
        return Site(route, fault, code, "", 0, case.result.server if fault == "server" else "")
    rule = RULES[code]
    if fault == "app" and rule.stops_at is None and not rule.stands_apart:
        code = ""
    elif rule.unending_await:
        code = min(other.code for other in RULES.values() if other.unending_await)
    return Site(route, fault, code, place.file, place.line)


def groups(
    diagnosed: Iterable[Diagnosed], refuted: frozenset[Name] = frozenset()
) -> tuple[Group, ...]:
    """The causes of all cases, in as many groups as there are findings, in a stable order.

    A ``refuted`` name is the name of a group only if nothing else of the group can be.
    """
    at: defaultdict[Site, list[Member]] = defaultdict(list)
    for case in diagnosed:
        for cause in case.causes:
            at[site_of(case, cause.occurrence)].append(Member(case, cause))
    found = [_group(sites, at, refuted) for sites in _joined(at)]
    return tuple(_without_known(found))


def _joined(at: dict[Site, list[Member]]) -> Iterator[list[Site]]:
    """The sites, those together at which the disconnect leaves one ``try``, or function.

    Sites at which handlers never end are also together if the same ended task is the reason.

    What the smallest correct application shows as well is one remark for each rule, whether the framework
    or one of the servers brings it about: the user can do nothing about any of them.
    """
    scopes: defaultdict[tuple[object, ...], list[Site]] = defaultdict(list)
    for site in sorted(at):
        if not site.line and all(m.cause.occurrence.shown_by_reference for m in at[site]):
            scopes[site.route, site.code].append(site)
            continue
        if (started := _dead(at[site])) is not None:
            scopes[site.route, "dead", started.file, started.line].append(site)
            continue
        uncaught = [m for m in at[site] if RULES[m.cause.occurrence.code].of_a_function]
        if site.fault != "app" or not site.line or not uncaught:
            yield [site]
            continue
        case, cause = min(uncaught, key=preference)
        assert cause.occurrence.place is not None
        scope = scope_of(case.recording, cause.occurrence.place)
        scopes[site.route, site.file, scope].append(site)
    yield from scopes.values()


def _dead(members: list[Member]) -> StackFrame | None:
    """The line that started the task whose end is the reason for all that ``members`` are stuck in."""
    found = {
        member.cause.occurrence.because
        for member in members
        if RULES[member.cause.occurrence.code].unending_await
    }
    return found.pop() if len(found) == 1 else None


def _group(sites: list[Site], at: dict[Site, list[Member]], refuted: frozenset[Name]) -> Group:
    every = [(site, member) for site in sites for member in at[site]]
    counted = [item for item in every if not item[1].is_remark] or every
    counted = [
        item for item in counted if (item[0], item[1].cause.occurrence.code) not in refuted
    ] or counted
    counts = Counter(
        (site, member.cause.occurrence.code, member.effect) for site, member in counted
    )
    site, code, _ = min(
        counts,
        key=lambda name: (EFFECTS.index(name[2]), -counts[name], RANK[name[1]], name[0]),
    )
    members = tuple(member for _, member in counted)
    chosen = set(map(id, members))
    remarks = tuple(member for _, member in every if id(member) not in chosen)
    return Group(code, site, members, remarks)


def _without_known(found: list[Group]) -> Iterator[Group]:
    """Leave out that a moment was not reached where another finding of the route is the reason.

    An application that does not answer its client refuses it, at some moments in its own name.
    """
    known = {
        (group.site.route, symptom.code)
        for group in found
        if not _is_unreached(group.code)
        for member in group.members
        for symptom in member.cause.symptoms
    }
    for group in found:
        if not _is_unreached(group.code) or (group.site.route, group.code) not in known:
            yield group


def _is_unreached(code: str) -> bool:
    """Whether the rule says that a case did not get to its moment. Such a remark names no other finding."""
    return RULES[code].stops_at in {"handshake", "moment"}


_SITUATIONS = {"": 0, MESSAGE: 1, LATE: 2, THIRD: 2, AGAIN: 2, TOGETHER: 2, SCARCE: 3}
"""Which situation of a client explains a cause in the fewest words."""


def preference(member: Member) -> tuple[int, int, int, int, int, str]:
    """The order in which cases show a cause: the first one shows it best.

    In the best case the server logged it, the client comes first and at once, and sends nothing or only
    the user's messages. The disconnect is plain, the client had seen the connection open (people
    think of that), and the case is short.
    """
    case, cause = member
    strength = max(STRENGTH[item.mark] for item in (cause.occurrence, *cause.symptoms))
    plain = {"close": 0, "abort": 1}.get(case.recording.case.act, 2)
    opened = int(not case.recording.opened)
    situation = _SITUATIONS[case.recording.case.situation]
    return (-strength, situation, plain, opened, case.result.events, case.result.id)


def condensed(diagnosed: Iterable[Diagnosed], *, symptoms: bool = False) -> list[Diagnosed]:
    """The same cases; only those that show a cause best keep the events of their Recording.

    With ``symptoms`` those that show a symptom best keep theirs too: it becomes a cause if its own
    turns out to be another party's fault.
    """
    kept = list(diagnosed)
    shown: defaultdict[tuple[Site, str], list[Member]] = defaultdict(list)
    for case in kept:
        for cause in case.causes:
            for item in (cause.occurrence, *(cause.symptoms if symptoms else ())):
                shown[site_of(case, item), item.code].append(Member(case, cause))
    best = {id(min(members, key=preference).case) for members in shown.values()}
    return [case if id(case) in best else case.without_events() for case in kept]

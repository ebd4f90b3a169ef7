"""The same case on different servers: where the end of a connection is another thing to the application.

Compared are cases that are healthy on every server: what goes wrong on one of them has a finding of its
own, whose ``servers`` say where. It is no difference that a server says 1005 where another says 1006, that
one logs what another masks, or who wins a race; so one counts only if it is there at most of the moments
that were tried on all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from wsdoctor.diagnosis.ending import Ending
from wsdoctor.diagnosis.finding import Finding
from wsdoctor.diagnosis.rule import seconds
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.plan.servers import close_wait, short_name
from wsdoctor.recording.case import Case, SendStep

APART = 5.0
"""Seconds: more than any server takes to notice what another one has noticed."""

Aspect = Literal["late", "hangs"]


@dataclass(frozen=True, slots=True)
class Divergence:
    """One difference on one route: on the servers ``apart`` it is as ``aspect`` says, on ``others`` not.

    ``seconds`` is how much later they know of the end at most, None if never. ``shown`` is the ending
    that shows it best; ``cases`` are those on the servers ``apart``.
    """

    aspect: Aspect
    apart: tuple[str, ...]
    others: tuple[str, ...]
    kinds: tuple[str, ...]
    seconds: float | None
    shown: Ending
    cases: tuple[Case, ...]

    @property
    def failing(self) -> int:
        return len(self.cases)

    @property
    def framework(self) -> str:
        return self.shown.framework

    @property
    def dialect(self) -> str:
        """The framework whose terms describe the finding."""
        return self.shown.dialect

    @property
    def unread(self) -> bool:
        """The handler leaves unread what the client has said, and on these servers that is why."""
        return self.aspect == "late" and self.shown.unread


def divergences(endings: Iterable[Ending], findings: Sequence[Finding]) -> Iterator[Divergence]:
    """The differences between servers that no one of ``findings`` tells of already.

    That a handler reads nothing is none if the client that speaks is wsdoctor's own idea: to a handler
    that only sends, clients need not speak.
    """
    by_kind: dict[tuple[str, str], dict[str, dict[str, Ending]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for ending in endings:
        case = ending.case
        by_kind[case.route, case.kind][case.moment][case.server] = ending
    groups: dict[tuple[str, Aspect, frozenset[str], bool], list[dict[str, Ending]]] = defaultdict(
        list
    )
    for (route, _), moments in by_kind.items():
        for difference, found in _of_one_kind(moments.values()):
            aspect, apart, unread = difference
            groups[route, aspect, apart, unread] += found
    for (route, aspect, apart, _), moments_of in groups.items():
        others = tuple(sorted({server for moment in moments_of for server in moment} - apart))
        if not _is_told(route, apart, others, findings):
            yield _divergence(aspect, apart, others, moments_of)


_Difference = tuple[Aspect, frozenset[str], bool]


def _of_one_kind(
    moments: Iterable[Mapping[str, Ending]],
) -> Iterator[tuple[_Difference, list[dict[str, Ending]]]]:
    """The differences that are there at most of the ``moments``, each with the moments that show it."""
    tried = [dict(moment) for moment in moments]
    servers = {server for moment in tried for server in moment}
    compared = [moment for moment in tried if len(moment) == len(servers) > 1]
    found: dict[_Difference, list[dict[str, Ending]]] = defaultdict(list)
    for moment in compared:
        if (difference := _difference(moment)) is not None:
            found[difference].append(moment)
    for difference, shown in found.items():
        if len(shown) * 2 >= len(compared):
            yield difference, shown


def _difference(moment: Mapping[str, Ending]) -> _Difference | None:
    stuck = frozenset(server for server, ending in moment.items() if not ending.returned)
    if stuck and len(stuck) < len(moment):
        return "hangs", stuck, False
    when = {
        server: float("inf")
        if ending.known is None
        else max(0.0, ending.known - close_wait(server))
        for server, ending in moment.items()
        if ending.known is not None or not ending.returned
    }
    if len(when) < len(moment):
        return None  # a handler that ends before the disconnect decides for itself
    soonest = min(when, key=when.__getitem__)
    late = frozenset(
        server
        for server, at in when.items()
        if at >= when[soonest] + APART and _known(moment[server]) >= _known(moment[soonest]) + APART
    )
    if not late:
        return None
    unread = all(moment[server].unread for server in late)
    if unread and not any(_is_asked_to_speak(moment[server].case) for server in late):
        return None
    return "late", late, unread


def _known(ending: Ending) -> float:
    return float("inf") if ending.known is None else ending.known


def _is_asked_to_speak(case: Case) -> bool:
    return bool(case.driver) or any(isinstance(step, SendStep) for step in case.script)


def _is_told(
    route: str, apart: frozenset[str], others: tuple[str, ...], findings: Sequence[Finding]
) -> bool:
    return any(
        finding.route == route
        and RULES[finding.code].tells_of_return
        and all(finding.servers.get(server, "no") != "no" for server in apart)
        and all(finding.servers.get(server, "no") == "no" for server in others)
        for finding in findings
    )


def _divergence(
    aspect: Aspect,
    apart: frozenset[str],
    others: tuple[str, ...],
    moments: Sequence[Mapping[str, Ending]],
) -> Divergence:
    shown = min(
        (moment[server] for moment in moments for server in sorted(apart)),
        key=lambda ending: {"close": 0, "abort": 1}.get(ending.case.kind, 2),
    )
    same = next(moment for moment in moments if moment.get(shown.case.server) is shown)
    best = min((same[server].known or 0.0 for server in others), default=0.0)
    cases = tuple(moment[server].case for moment in moments for server in sorted(apart))
    return Divergence(
        aspect=aspect,
        apart=tuple(sorted(apart)),
        others=others,
        kinds=tuple(dict.fromkeys(case.kind for case in cases)),
        seconds=None if shown.known is None else shown.known - best,
        shown=shown,
        cases=cases,
    )


def told(divergence: Divergence) -> str:
    """The difference in a sentence."""
    apart, others = _listed(divergence.apart), _listed(divergence.others)
    kind = divergence.shown.case.kind
    if divergence.aspect == "hangs":
        return f"after `{kind}` the handler never returns on {apart}, and it does on {others}"
    left = f"that the client has left (`{kind}`)"
    if divergence.seconds is None:
        difference = f"{left} is never known on {apart}, and it is on {others}"
    else:
        late = seconds(divergence.seconds)
        difference = f"{left} is known {late} later on {apart} than on {others}"
    if not divergence.unread:
        return difference
    return (
        f"{difference}: the handler does not read what the client has said, and those servers read no "
        "further until it does"
    )


def _listed(servers: tuple[str, ...]) -> str:
    return " and ".join(short_name(server) for server in servers)

"""Decide whether the user's code or the framework caused a finding, by comparison with a reference application.

A user's line in a traceback proves nothing by itself. Starlette's endpoint class lets the disconnect
out of any ``on_receive`` that sends, including the one in its documentation. So if no code of the
user's decided anything, wsdoctor runs the smallest correct application of the same framework, in the
same form and on the same versions, through the same kind of disconnect on the same server. If that one
shows the same, the framework or the server does it by itself: it is a remark, and fails no build.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from wsdoctor.diagnosis.causes import arranged
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.finding import Fault
from wsdoctor.diagnosis.rule import Occurrence


class Way(Struct, frozen=True, order=True):
    """An occurrence in a form that can be compared between applications: a rule, and an exception's path."""

    code: str
    way: str


class Shown(Struct, frozen=True):
    """What the smallest correct application shows, and whose fault that makes it."""

    what: Way
    fault: Fault


def shows(diagnosed: Iterable[Diagnosed]) -> frozenset[Shown]:
    """What the cases of a correct application show: the server's fault, or else the framework's."""
    return frozenset(
        Shown(Way(item.code, item.way), "server" if item.fault == "server" else "framework")
        for case in diagnosed
        for item in _occurrences(case)
        if item.way
    )


class Seen(Struct, frozen=True, order=True):
    """An occurrence and its server: one server says nothing about another."""

    what: Way
    server: str


def comparable(diagnosed: Iterable[Diagnosed]) -> dict[Seen, str]:
    """What a correct application may show as well, each with the kind of disconnect to compare at.

    It is the plainest kind at which it was seen.
    """
    found: dict[Seen, str] = {}
    for case in diagnosed:
        for item in _occurrences(case):
            if item.way:
                seen = Seen(Way(item.code, item.way), case.result.server)
                kind = case.result.kind
                found[seen] = min(found.get(seen, kind), kind, key=_plainness)
    return dict(sorted(found.items()))


def _plainness(kind: str) -> tuple[int, str]:
    return {"close": 0, "abort": 1}.get(kind, 2), kind


def _occurrences(case: Diagnosed) -> Iterator[Occurrence]:
    for cause in case.causes:
        yield cause.occurrence
        yield from cause.symptoms


def settled(case: Diagnosed, normal: Mapping[Seen, tuple[Fault, str]]) -> Diagnosed:
    """``case`` with the faults that ``normal`` decides: whose, and the sentence that says why.

    What such an occurrence had among its symptoms may be the application's: it is arranged anew.
    """
    if not normal:
        return case
    before = tuple(_occurrences(case))
    after = tuple(_settled(item, case.result.server, normal) for item in before)
    if after == before:
        return case
    causes = arranged(after)
    result = case.result
    if result.verdict == "defective" and all(
        cause.occurrence.severity == "info" for cause in causes
    ):
        result = replace(
            result,
            verdict=case.otherwise,
            note=case.otherwise_note,
            not_understood=case.misread,
        )
    return replace(case, causes=causes, result=result)


def _settled(
    occurrence: Occurrence, server: str, normal: Mapping[Seen, tuple[Fault, str]]
) -> Occurrence:
    if not occurrence.way:
        return occurrence
    decided = normal.get(Seen(Way(occurrence.code, occurrence.way), server))
    if decided is None:
        return occurrence
    fault, reason = decided
    return replace(
        occurrence,
        fault=fault,
        severity="info",
        evidence=(*occurrence.evidence, reason),
        shown_by_reference=True,
    )

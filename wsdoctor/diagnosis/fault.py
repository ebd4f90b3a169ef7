"""Whose fault: what happened, compared with what the smallest correct application shows.

A user's line in a traceback accuses nobody by itself. Starlette's endpoint class lets the disconnect
out of any ``on_receive`` that sends, the one in its documentation included. So where no code of the
user's decided anything, the smallest correct application of the same framework, in the same form and on
the same versions, is taken through the same kind of disconnect on the same server. What that one shows,
the framework or the server does by itself; it is told, and fails nobody's build.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from wsdoctor.diagnosis.causes import Cause
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.finding import Fault
from wsdoctor.diagnosis.rule import Occurrence


class Way(Struct, frozen=True, order=True):
    """What happened, told so that two applications can be compared: a rule, and an exception's way."""

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
        for cause in case.causes
        for item in (cause.occurrence, *cause.symptoms)
        if item.way
    )


def comparable(diagnosed: Iterable[Diagnosed]) -> dict[Way, Diagnosed]:
    """What a correct application may show, too, each with the case that is to be compared.

    That is the one with the plainest disconnect.
    """
    found: dict[Way, Diagnosed] = {}
    for case in diagnosed:
        for cause in case.causes:
            item = cause.occurrence
            if item.way:
                what = Way(item.code, item.way)
                found[what] = min(found.get(what, case), case, key=_plainness)
    return found


def _plainness(case: Diagnosed) -> int:
    return {"close": 0, "abort": 1}.get(case.result.kind, 2)


def settled(case: Diagnosed, normal: Mapping[Way, tuple[Fault, str]]) -> Diagnosed:
    """``case`` with the faults that ``normal`` decides: whose, and the sentence that says why."""
    causes = tuple(_settled(cause, normal) for cause in case.causes)
    if causes == case.causes:
        return case
    result = case.result
    if result.verdict == "defective" and all(
        cause.occurrence.severity == "info" for cause in causes
    ):
        result = replace(result, verdict=case.otherwise, note=case.otherwise_note)
    return replace(case, causes=causes, result=result)


def _settled(cause: Cause, normal: Mapping[Way, tuple[Fault, str]]) -> Cause:
    occurrence = cause.occurrence
    decided = normal.get(Way(occurrence.code, occurrence.way)) if occurrence.way else None
    if decided is None:
        return cause
    fault, reason = decided
    told: Occurrence = replace(
        occurrence, fault=fault, severity="info", evidence=(*occurrence.evidence, reason)
    )
    return replace(cause, occurrence=told)

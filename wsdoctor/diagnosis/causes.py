"""Root causes in one Recording: which occurrence dragged which others along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from wsdoctor.diagnosis.attribution import attributed
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.exception_path import way_of
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules import BY_RANK, RANK, RULES


class Cause(Struct, frozen=True):
    """One cause, with the occurrences that are its symptoms."""

    occurrence: Occurrence
    symptoms: tuple[Occurrence, ...] = ()


def causes(connection: Connection) -> tuple[Cause, ...]:
    """The causes found on one connection, in order of rank.

    After more events than are recorded, that is only what holds the event loop.
    """
    beside = connection.recording.case.accompanied
    full = connection.overflowed is not None
    return arranged(
        _weighed(connection, rule, occurrence)
        for rule in BY_RANK
        if (not beside or rule.in_company) and (not full or rule.in_overflow)
        for occurrence in rule.detect(connection)
    )


def arranged(occurrences: Iterable[Occurrence]) -> tuple[Cause, ...]:
    """The causes among the ``occurrences`` of one case, each with its symptoms, in order of rank."""
    found = sorted(occurrences, key=lambda item: RANK[item.code])
    cause_of: dict[int, int] = {}
    for index in range(len(found)):
        for cause in _causes(index, found):
            if index not in _chain(cause, cause_of):  # of two that explain each other, one stays
                cause_of[index] = cause
                break
    roots = [index for index in range(len(found)) if index not in cause_of]
    return tuple(
        Cause(
            found[root],
            tuple(found[index] for index in cause_of if _chain(index, cause_of)[-1] == root),
        )
        for root in sorted(roots, key=lambda index: RANK[found[index].code])
    )


def _weighed(connection: Connection, rule: Rule, occurrence: Occurrence) -> Occurrence:
    """``occurrence`` with whose fault it is, and its way; at most ``info`` if it is not the application's."""
    if rule.stops_at is None:
        occurrence = attributed(connection, occurrence)
    if way := way_of(connection, occurrence.index):
        occurrence = replace(occurrence, way=way)
    if occurrence.place is None:
        readable = occurrence.message.replace("at outside your code", "outside your code")
        occurrence = replace(occurrence, message=readable)
    returned = connection.returned
    if returned is not None and occurrence.index > connection.events.index(returned):
        occurrence = replace(occurrence, after_return=True)
    return occurrence if occurrence.fault == "app" else replace(occurrence, severity="info")


def _chain(index: int, cause_of: dict[int, int]) -> list[int]:
    """``index``, its cause, the cause of that, and so on."""
    chain = [index]
    while chain[-1] in cause_of:
        chain.append(cause_of[chain[-1]])
    return chain


def _may_absorb(cause: Occurrence, symptom: Occurrence) -> bool:
    """Whether ``symptom`` may become the evidence of ``cause`` at all.

    A remark fails no build, so it must not hide what does: another party's fault is no excuse for
    the application's own, and ``info`` is none for a warning.
    """
    if symptom.fault == "app" and cause.fault != "app":
        return False
    return symptom.severity == "info" or cause.severity != "info"


def _causes(index: int, found: list[Occurrence]) -> Iterator[int]:
    """The places in ``found`` of what may be the cause of the occurrence at ``index``."""
    symptom = found[index]
    for other, cause in enumerate(found):
        if other != index and _may_absorb(cause, symptom) and _explains(cause, symptom):
            yield other


def _explains(cause: Occurrence, symptom: Occurrence) -> bool:
    """Whether ``symptom`` comes of ``cause`` when both are in one case."""
    by, of = RULES[cause.code], RULES[symptom.code]
    if by.overrules and not of.overrules:
        return True
    relations = (by.explains.get(of.code), by.explains.get(""), of.comes_of)
    return (
        any(relation is not None and relation(cause, symptom) for relation in relations)
        or _raised(cause, symptom)
        or _delayed(cause, symptom)
        or (by.breaks_off and of.not_tidied)
    )


def _raised(cause: Occurrence, symptom: Occurrence) -> bool:
    """Whether ``symptom`` is about an exception that ``cause`` raised or let out."""
    if RULES[cause.code].lingers:
        if symptom.complains and symptom.blamed_on:
            return True  # the send that was refused came so late because the handler lingers
        if not _sends_on(symptom):
            return False  # its tasks send on: that is all that it explains of what is raised
    if not symptom.blamed_on & cause.explains:
        return False
    mutual = cause.blamed_on & symptom.explains
    return not mutual or RANK[cause.code] <= RANK[symptom.code]


def _delayed(cause: Occurrence, symptom: Occurrence) -> bool:
    """Whether ``symptom`` is that the handler is late, and ``cause`` the reason."""
    if RULES[symptom.code].lateness != "is" or RULES[cause.code].lateness != "causes":
        return False
    return not (_sends_on(cause) and cause.blamed_on & symptom.explains)


def _sends_on(occurrence: Occurrence) -> bool:
    breach = RULES[occurrence.code].breach
    return breach is not None and breach.after_disconnect

"""Root causes in one Recording: which occurrence dragged which others along."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.packages import attributed
from wsdoctor.diagnosis.rule import Occurrence
from wsdoctor.diagnosis.rules import BY_RANK, RANK
from wsdoctor.diagnosis.way import way_of

_OVERRULES = frozenset({"WSD001", "WSD404", "WSD105"})
"""After one of these nothing else on the connection can be read for itself."""

_LATENESS = frozenset({"WSD401"})
_BROKEN_OFF = ("WSD201", "WSD202", "WSD203", "WSD205", "WSD304", "WSD501", "WSD602", "WSD603")
_DRAGS_ALONG = frozenset(
    {
        ("WSD204", "WSD402"),  # who does not listen cannot end
        ("WSD204", "WSD403"),
        ("WSD402", "WSD502"),  # who hangs does not end when it is told to, either
        ("WSD403", "WSD502"),
        ("WSD106", "WSD002"),  # who does not answer refuses
        ("WSD103", "WSD002"),  # who refuses, and goes on, refuses
        ("WSD602", "WSD003"),  # what breaks the connection lets no moment come after it
        ("WSD603", "WSD003"),
        # What leaves the handler by an exception, or is left where it stands, tidies nothing up.
        *((cause, left) for cause in _BROKEN_OFF for left in ("WSD305", "WSD307")),
        ("WSD303", "WSD307"),  # what is thrown away releases nothing
    }
)
_LEFT_BEHIND = frozenset(
    {
        *("WSD205", "WSD301", "WSD302", "WSD303", "WSD304", "WSD305", "WSD306", "WSD307"),
        "WSD802",
    }
)
_LINGERS = frozenset({"WSD401", "WSD402"})
_SENDS = frozenset({"WSD101", "WSD102"})
"""While a handler lingers its tasks go on sending: of what that raises, it is the cause of no more."""

_SENDS_TO_WHAT_IS_KEPT = ("WSD102", "WSD305")
"""Who sends to a connection whose handler has returned has it from where it is kept."""

_NOT_CHECKED = frozenset({"WSD001", "WSD002", "WSD003"})

_BESIDE = frozenset({"WSD404", "WSD405"})
"""What a case with a bystander is about: all other rules ask what one connection does by itself."""


class Cause(Struct, frozen=True):
    """One cause, with the occurrences that are its symptoms."""

    occurrence: Occurrence
    symptoms: tuple[Occurrence, ...] = ()


def causes(connection: Connection) -> tuple[Cause, ...]:
    """The causes found on one connection, in order of rank."""
    beside = connection.recording.case.bystander
    found = [
        _weighed(connection, attributed(connection, occurrence))
        for rule in BY_RANK
        if not beside or rule.code in _BESIDE
        for occurrence in rule.detect(connection)
    ]
    over = len(connection.events)
    if connection.returned is not None:
        over = connection.events.index(connection.returned)
    cause_of: dict[int, int] = {}
    for index, occurrence in enumerate(found):
        cause = _cause(index, occurrence, found, over)
        if cause is not None:
            cause_of[index] = cause
    roots = [index for index in range(len(found)) if index not in cause_of]
    return tuple(
        Cause(
            found[root],
            tuple(found[index] for index in cause_of if _root(index, cause_of) == root),
        )
        for root in sorted(roots, key=lambda index: RANK[found[index].code])
    )


def _weighed(connection: Connection, occurrence: Occurrence) -> Occurrence:
    """What is no fault of the application is told, and fails nobody's build."""
    if way := way_of(connection, occurrence.index):
        occurrence = replace(occurrence, way=way)
    return occurrence if occurrence.fault == "app" else replace(occurrence, severity="info")


def _root(index: int, cause_of: dict[int, int]) -> int:
    seen = {index}
    while index in cause_of and cause_of[index] not in seen:
        index = cause_of[index]
        seen.add(index)
    return index


def _cause(index: int, symptom: Occurrence, found: list[Occurrence], over: int) -> int | None:
    """The place in ``found`` of what brought ``symptom`` about, None if nothing there did.

    ``over`` is the place of the event with which the handler had returned.
    """
    for other, cause in enumerate(found):
        if other == index:
            continue
        if cause.code in _OVERRULES and symptom.code not in _OVERRULES:
            return other
        if cause.code in _LINGERS and symptom.code not in _SENDS:
            pass
        elif symptom.blamed_on & cause.explains and not (
            cause.blamed_on & symptom.explains and RANK[cause.code] > RANK[symptom.code]
        ):
            return other
        if (
            symptom.code in _LATENESS
            and cause.code not in _LATENESS | _LEFT_BEHIND | _NOT_CHECKED
            and not (cause.code in _SENDS and cause.blamed_on & symptom.explains)
        ):
            return other
        if (cause.code, symptom.code) in _DRAGS_ALONG:
            return other
        if (cause.code, symptom.code) == _SENDS_TO_WHAT_IS_KEPT and cause.index > over:
            return other
    return None

"""Root causes in one Recording: which occurrence dragged which others along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.packages import attributed
from wsdoctor.diagnosis.rule import Occurrence
from wsdoctor.diagnosis.rules import BY_RANK, RANK
from wsdoctor.diagnosis.way import way_of

_OVERRULES = frozenset({"WSD001", "WSD404", "WSD407", "WSD105"})
"""After one of these nothing else on the connection can be read for itself."""

_LATENESS = frozenset({"WSD401"})
_BROKEN_OFF = (
    *("WSD201", "WSD202", "WSD203", "WSD205", "WSD206", "WSD304", "WSD501", "WSD602", "WSD603"),
)
_NOT_TIDIED = ("WSD305", "WSD307", "WSD308", "WSD309")
_DRAGS_ALONG = frozenset(
    {
        ("WSD204", "WSD402"),  # who does not listen cannot end
        ("WSD204", "WSD403"),
        ("WSD104", "WSD402"),  # nothing comes any more, so to read again is to wait for ever
        ("WSD104", "WSD403"),
        ("WSD402", "WSD502"),  # who hangs does not end when it is told to, either
        ("WSD403", "WSD502"),
        ("WSD106", "WSD002"),  # who does not answer refuses
        ("WSD103", "WSD002"),  # who refuses, and goes on, refuses
        ("WSD107", "WSD003"),
        ("WSD602", "WSD003"),  # what breaks the connection lets no moment come after it
        ("WSD603", "WSD003"),
        # What leaves the handler by an exception, or is left where it stands, tidies nothing up.
        *((cause, left) for cause in _BROKEN_OFF for left in _NOT_TIDIED),
        ("WSD303", "WSD307"),  # what is thrown away releases nothing
    }
)
_LEFT_BEHIND = frozenset(
    {
        *(
            "WSD205",
            "WSD206",
            "WSD207",
            "WSD301",
            "WSD302",
            "WSD303",
            "WSD304",
            "WSD305",
            "WSD306",
            "WSD307",
            "WSD308",
            "WSD309",
        ),
        "WSD802",
    }
)
_LINGERS = frozenset({"WSD401", "WSD402"})
_SENDS = frozenset({"WSD101", "WSD102"})
"""While a handler lingers its tasks go on sending: of what that raises, it is the cause of no more."""

_OUTLIVES = "WSD301"
"""A task that is left holds what it has opened. One of a package serves what the user has left open."""

_LEFT_OPEN = frozenset({"WSD308", "WSD309"})

_SAME_ERROR = ("WSD501", "WSD206")
"""At one line: the CancelledError of an awaited task leaves the handler, and ends its clean-up."""

_DEFIES = "WSD502"
"""A task that ignores its cancellation sends on."""

_SERVER = "WSD802"

_HOLDS_THE_LOOP = "WSD404"

_HELD = "WSD307"
_WAITS = frozenset({"WSD204", "WSD402", "WSD403"})
"""What becomes of a handler that waits for a lock which another connection has left held."""

_SENDS_TO_WHAT_IS_KEPT = ("WSD102", "WSD305")
"""A task that sends after its handler returned must still hold the connection."""

_NOT_CHECKED = frozenset({"WSD001", "WSD002", "WSD003"})

_BESIDE = frozenset({"WSD404", "WSD405", "WSD406", "WSD407"})
"""What a case with a second client is about: all other rules ask what one connection does by itself."""


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
        _weighed(connection, attributed(connection, occurrence))
        for rule in BY_RANK
        if (not beside or rule.code in _BESIDE) and (not full or rule.code == _HOLDS_THE_LOOP)
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


def _weighed(connection: Connection, occurrence: Occurrence) -> Occurrence:
    """``occurrence`` with its way; at most ``info`` if it is not the application's fault."""
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


def _explains(cause: Occurrence, symptom: Occurrence) -> bool:  # noqa: PLR0911 - one reason each
    """Whether ``symptom`` comes of ``cause`` when both are in one case."""
    if cause.code in _OVERRULES and symptom.code not in _OVERRULES:
        return True
    lingers = cause.code in _LINGERS and symptom.code not in _SENDS
    if not lingers and symptom.blamed_on & cause.explains:
        mutual = cause.blamed_on & symptom.explains
        if not mutual or RANK[cause.code] <= RANK[symptom.code]:
            return True
    if (
        symptom.code in _LATENESS
        and cause.code not in _LATENESS | _LEFT_BEHIND | _NOT_CHECKED
        and not (cause.code in _SENDS and cause.blamed_on & symptom.explains)
    ):
        return True
    if symptom.complains and symptom.blamed_on and cause.code in _LINGERS:
        return True  # the send that was refused came so late because the handler lingers
    if cause.setting == "consumer" and symptom.code == "WSD104":
        return True  # its package reads on, since the user's method did not end the connection
    if cause.code == _DEFIES and symptom.code in _SENDS and cause.task == symptom.task:
        return True
    if cause.code == _HELD and cause.effect == "stuck" and symptom.code in _WAITS:
        return True
    pair = (cause.code, symptom.code)
    if pair == _SAME_ERROR:
        return cause.place == symptom.place
    return (
        _is_left_with(cause, symptom)
        or _brings_up(symptom, cause)
        or pair in _DRAGS_ALONG
        or (pair == _SENDS_TO_WHAT_IS_KEPT and cause.after_return)
    )


def _brings_up(symptom: Occurrence, cause: Occurrence) -> bool:
    """Whether ``symptom`` is the group, or the task, by which the server's own error came to the log."""
    if cause.code != _SERVER or symptom.fault != "server":
        return False
    return bool(cause.explains & symptom.explains)


def _is_left_with(cause: Occurrence, symptom: Occurrence) -> bool:
    """Whether ``symptom`` is what a task has left open, or the package's task that serves what is left."""
    if cause.code == _OUTLIVES and symptom.code in _LEFT_OPEN:
        return not cause.of_package and cause.task == symptom.task
    if symptom.code == _OUTLIVES and cause.code in _LEFT_OPEN:
        return symptom.of_package and cause.place == symptom.place
    return False

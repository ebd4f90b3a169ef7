"""The incidents of a log, grouped by cause: rule, line of the user's, and what was raised."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from msgspec import Struct, field

from wsdoctor.diagnosis.rules import RULES
from wsdoctor.triage.classify import Reading, handler_frame, reading_of, users_frame
from wsdoctor.triage.incident import Incident
from wsdoctor.triage.signatures import GONE, signature_of
from wsdoctor.triage.traceback import Frame, Raised
from wsdoctor.triage.working_directory import WorkingDirectory

_CODES = {
    "1000": "close",
    "1001": "close:1001",
    "1005": "no-code",
    "1006": "abort",
    "1012": "shutdown",
}
_CODE = re.compile(r"\b(1\d{3})\b")


class LogCause(Struct, kw_only=True):
    """One cause: how often, where, and between which times of the log.

    ``code`` and ``name`` are those of the likeliest rule, ``others`` the codes of those that it can be as
    well, ``means`` says what the text itself means. ``file`` is as the log has it, ``place`` the same file
    below the working directory, and ``places`` all that it may be, if they are several. ``raised`` is the
    exception as the log ends it, ``handler`` the outermost file of the user's, ``handler_place`` that
    below the working directory. ``kinds`` are the kinds of disconnect that its close codes speak of.
    """

    code: str
    name: str
    count: int = 0
    file: str = ""
    line: int = 0
    function: str = ""
    raised: str = ""
    handler: str = ""
    first: str = ""
    last: str = ""
    paths: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    others: tuple[str, ...] = ()
    means: str = ""
    place: str = ""
    places: tuple[str, ...] = ()
    handler_place: str = ""
    commands: tuple[str, ...] = ()
    """What to run next."""


class Triage(Struct, kw_only=True):
    """What a log says: its causes, the most frequent first, and how many tracebacks are not ours.

    ``possible`` are what would be causes if a WebSocket connection were concerned, which the log does
    not say.
    """

    causes: list[LogCause]
    others: int = 0
    possible: list[LogCause] = field(default_factory=list)


def triage(incidents: Iterable[Incident], here: WorkingDirectory | None = None) -> Triage:
    """The causes in ``incidents``; their files are looked for in ``here``."""
    here = here or WorkingDirectory(None)
    found: dict[tuple[str, str, int, str], LogCause] = {}
    possible: dict[tuple[str, str, int, str], LogCause] = {}
    others = 0
    for incident in incidents:
        reading = reading_of(incident)
        if reading is None:
            others += 1
            continue
        place = users_frame(incident, reading, here.is_users)
        last = incident.raised[-1]
        where = (place.file, place.line) if place else ("", 0)
        key = (reading.codes[0], *where, last.name)
        causes = found if reading.sure else possible
        if key not in causes:
            causes[key] = _cause(incident, reading, place, here)
        _count(causes[key], incident)
    return Triage(causes=_sorted(found), others=others, possible=_sorted(possible))


def spoken(text: str) -> Triage:
    """What ``text`` says, which is no incident by itself: a line that servers log in ordinary operation."""
    signature = signature_of(text)
    if signature is None:
        return Triage(causes=[])
    reading = Reading(signature.codes, signature.means, sure=signature.proof)
    incident = Incident((Raised(message=text.strip()),), said="")
    cause = _cause(incident, reading, None, WorkingDirectory(None))
    cause.count = 1
    return Triage(causes=[cause]) if reading.sure else Triage(causes=[], possible=[cause])


def _cause(
    incident: Incident,
    reading: Reading,
    place: Frame | None,
    here: WorkingDirectory,
) -> LogCause:
    handler = handler_frame(incident, here.is_users)
    cause = LogCause(
        code=reading.codes[0],
        name=RULES[reading.codes[0]].name,
        others=reading.codes[1:],
        means=reading.means,
        raised=_ended(incident),
        first=incident.time,
    )
    if place is not None:
        cause.file, cause.line, cause.function = place.file, place.line, place.function
        cause.places = here.places(place)
        cause.place = cause.places[0] if len(cause.places) == 1 else ""
    if (handler := handler or place) is not None:
        cause.handler = handler.file
        places = here.places(handler)
        cause.handler_place = places[0] if len(places) == 1 else ""
    return cause


def _ended(incident: Incident) -> str:
    last = incident.raised[-1]
    return f"{last.type}: {last.message}".strip(": ") if last.type else last.message


def _count(cause: LogCause, incident: Incident) -> None:
    cause.count += 1
    cause.last = incident.time or cause.last
    cause.first = cause.first or incident.time
    if incident.path:
        cause.paths[incident.path] += 1
    for item in incident.raised:
        if item.name in GONE | {"WebSocketDisconnect"}:
            cause.kinds.update(
                _CODES[code] for code in _CODE.findall(item.message)[:1] if code in _CODES
            )


def _sorted(causes: dict[tuple[str, str, int, str], LogCause]) -> list[LogCause]:
    return sorted(causes.values(), key=lambda cause: -cause.count)

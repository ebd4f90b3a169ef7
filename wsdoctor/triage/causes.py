"""The incidents of a log, grouped by cause: rule, line of the user's, and what was raised."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from msgspec import Struct, field

from wsdoctor.diagnosis.rules import RULES
from wsdoctor.triage.incident import Incident
from wsdoctor.triage.rule import outermost_frame, rule_of, users_frame

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

    ``raised`` is the exception as the log ends it, ``handler`` the outermost file of the user's,
    ``kinds`` the kinds of disconnect that its close codes speak of.
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


class Triage(Struct, kw_only=True):
    """What a log says: its causes, the most frequent first, and how many tracebacks are not ours."""

    causes: list[LogCause]
    others: int = 0


def triage(incidents: Iterable[Incident]) -> Triage:
    """The causes in ``incidents``."""
    found: dict[tuple[str, str, int, str], LogCause] = {}
    others = 0
    for incident in incidents:
        code = rule_of(incident)
        if code is None:
            others += 1
            continue
        place, outer, last = users_frame(incident), outermost_frame(incident), incident.raised[-1]
        key = (code, place.file if place else "", place.line if place else 0, last.name)
        cause = found.get(key)
        if cause is None:
            cause = found[key] = LogCause(
                code=code,
                name=RULES[code].name,
                file=key[1],
                line=key[2],
                function=place.function if place else "",
                raised=f"{last.name}: {last.message}".rstrip(": "),
                handler=outer.file if outer else key[1],
                first=incident.time,
            )
        cause.count += 1
        cause.last = incident.time or cause.last
        cause.first = cause.first or incident.time
        if incident.path:
            cause.paths[incident.path] += 1
        for item in incident.raised:
            if item.name in {"WebSocketDisconnect", "ConnectionClosedError", "ConnectionClosedOK"}:
                cause.kinds.update(
                    _CODES[code] for code in _CODE.findall(item.message)[:1] if code in _CODES
                )
    return Triage(causes=sorted(found.values(), key=lambda cause: -cause.count), others=others)

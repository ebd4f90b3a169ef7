"""What WSD101, WSD102 and WSD103 share: a forbidden message becomes an occurrence."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import innermost, subject, where
from wsdoctor.diagnosis.connection import Connection, Violation
from wsdoctor.diagnosis.exceptions import ids, name
from wsdoctor.diagnosis.rule import Occurrence


def forbidden(connection: Connection, code: str, but: str) -> Iterator[Occurrence]:
    """The first message of the user's that breaks rule ``code``, and the first of the framework's.

    ``but`` ends the sentence "… sends `websocket.close`, but …".
    """
    for sender in ("user", "framework"):
        broken = [item for item in connection.violations if item.code == code and item.call.sender == sender]
        if broken:
            yield _occurrence(connection, broken, but)


def _occurrence(connection: Connection, broken: list[Violation], but: str) -> Occurrence:
    first = broken[0]
    call = first.call
    # The first one that was logged shows more than the very first.
    logged = next((item for item in broken if item.raised and item.raised.id in connection.logged), None)
    place = innermost(connection, call.stack) if call.sender == "user" else None
    if call.sender == "user":
        message = f"{subject(connection, place)} sends `{call.message}` at {where(place)}, but {but}"
    else:
        message = f"the framework sends `{call.message}`, but {but}"
    evidence = []
    shown = logged or first
    if shown.raised is not None:
        evidence.append(f"the server's send() raised {name(shown.raised)}")
    if len(broken) > 1:
        evidence.append(f"{len(broken)} such messages were sent")
    return Occurrence(
        code=first.code,
        message=message,
        place=place,
        severity="error" if logged else "warning",
        mark="logged" if logged else "masked",
        index=first.index,
        fault="app" if call.sender == "user" else "framework",
        evidence=tuple(evidence),
        explains=frozenset(item.raised.id for item in broken if item.raised is not None),
        # What the user's code sends is its own decision; what the framework sends answers something.
        blamed_on=frozenset() if call.sender == "user" else ids(call.handling),
    )

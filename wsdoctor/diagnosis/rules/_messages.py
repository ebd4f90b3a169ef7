"""What WSD101, WSD102 and WSD103 share: a forbidden message becomes an occurrence."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import innermost, place_of, subject, where
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.contract import CLOSE, DENY_START
from wsdoctor.diagnosis.exceptions import ids, name
from wsdoctor.diagnosis.rule import Occurrence
from wsdoctor.diagnosis.walk import Violation
from wsdoctor.recording.events import ExceptionInfo, SendCalled, StackFrame

CLOSED = "the application had already closed or rejected the connection"


def forbidden(connection: Connection, code: str, but: str) -> Iterator[Occurrence]:
    """The first message of the user's that breaks rule ``code``, and the first of the framework's.

    ``but`` ends the sentence "… sends `websocket.close`, but …".
    """
    for sender in ("user", "framework"):
        broken = [
            item
            for item in connection.violations
            if item.code == code and item.call.sender == sender
        ]
        if broken:
            yield _occurrence(connection, broken, but)


def _occurrence(connection: Connection, broken: list[Violation], but: str) -> Occurrence:
    first = broken[0]
    call = first.call
    # The first one that was logged shows more than the very first.
    logged = next(
        (item for item in broken if item.raised and item.raised.id in connection.logged), None
    )
    users = call.sender == "user"
    place = innermost(connection, call.stack) if users else None
    if users:
        message = (
            f"{subject(connection, place)} sends `{call.message}` at {where(place)}, but {but}"
        )
    elif first.code == "WSD103" and (place := _raised_after_close(connection, call)) is not None:
        assert call.handling is not None
        users = True
        message = answer(connection, place, call.handling, call.message, but)
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
        fault="app" if users else "framework",
        evidence=tuple(evidence),
        explains=frozenset(
            item.raised.id
            for item in broken
            if item.raised is not None and connection.decided(item)
        ),
        # What the user's code sends is its own decision, unless it runs in a task that was to be
        # stopped; what the framework sends answers something.
        blamed_on=ids(call.handling)
        if call.sender == "framework"
        else frozenset(
            link for item in broken if not connection.decided(item) for link in ids(item.raised)
        ),
    )


def _raised_after_close(connection: Connection, call: SendCalled) -> StackFrame | None:
    """The user's line whose exception the framework answers, if the user's code had closed before."""
    if call.handling is None or ids(call.handling) & connection.violation_errors:
        return None
    for event in connection.all(SendCalled):
        if event.call >= call.call:
            break
        if event.message in {CLOSE, DENY_START} and event.sender == "user":
            return place_of(connection, call.handling)
    return None


def answer(
    connection: Connection, place: StackFrame, error: ExceptionInfo, message: str, but: str
) -> str:
    """The sentence on a message by which the framework answers an exception of the user's code."""
    return (
        f"{subject(connection, place)} raises {name(error)} at {where(place)}, and the framework answers it with "
        f"`{message}`; but {but}"
    )

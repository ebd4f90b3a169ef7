"""What rules about messages share: a forbidden message becomes an occurrence."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.attribution import package_of
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.contract import CLOSE, DENY_START, Breach, State
from wsdoctor.diagnosis.exceptions import ids, name
from wsdoctor.diagnosis.finding import Severity
from wsdoctor.diagnosis.location import innermost, path, place_of, subject, where
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.source import read
from wsdoctor.diagnosis.walk import Violation
from wsdoctor.recording.events import ExceptionInfo, SendCalled, StackFrame

CLOSED = "the application had already closed or rejected the connection"


def forbidden(connection: Connection, rule: Rule, but: str) -> Iterator[Occurrence]:
    """The first message of the user's that breaks ``rule``, and the first of the framework's.

    ``but`` ends the sentence "… sends `websocket.close`, but …".
    """
    for sender in ("user", "framework"):
        broken = [
            item
            for item in connection.violations
            if item.breach is rule.breach
            and item.call.sender == sender
            and not _is_let_go(connection, item)
        ]
        if broken:
            yield _occurrence(connection, rule, broken, but)


def _is_let_go(connection: Connection, item: Violation) -> bool:
    """Whether an installed package sent it, and takes care of what comes of it by itself.

    Neither the user nor its maintainers have anything to change.
    """
    if package_of(item.call) is None:
        return False
    return connection.caught(item) or connection.suppressed(item)


def _occurrence(
    connection: Connection, rule: Rule, broken: list[Violation], but: str
) -> Occurrence:
    first = broken[0]
    call = first.call
    # The first one that was logged shows more than the very first.
    logged = next(
        (item for item in broken if item.raised and item.raised.id in connection.logged), None
    )
    users = call.sender == "user"
    place = innermost(connection, call.stack) if users else None
    if first.breach is Breach.AFTER_CLOSE:
        but = closed_by(connection, first.index)
    if users:
        message = (
            f"{subject(connection, place)} sends `{call.message}` at {where(place)}"
            f"{_circumstance(connection, first)}, but {but}"
        )
    elif (
        first.breach is Breach.AFTER_CLOSE
        and not first.lost_race
        and (place := _raised_after_close(connection, call)) is not None
    ):
        assert call.handling is not None
        users = True
        message = answer(connection, place, call.handling, call.message, but)
    else:
        message = f"the framework sends `{call.message}`, but {but}"
    evidence = []
    shown = logged or first
    if shown.raised is not None:
        evidence.append(f"the server's send() raised {name(shown.raised)}")
    if users and (way := path(call.stack)):
        evidence.append(f"call path: {way}")
    if len(broken) > 1:
        evidence.append(f"{len(broken)} such messages were sent")
    return Occurrence(
        code=rule.code,
        message=message,
        place=place,
        severity=_severity(connection, broken, logged=logged is not None),
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
        setting=_setting(connection, first),
        task=call.task,
    )


def _severity(connection: Connection, broken: list[Violation], *, logged: bool) -> Severity:
    """The severity of messages; another rule judges a task that goes on because no code stopped it."""
    if logged:
        return "error"
    grave = (item for item in broken if not connection.suppressed(item))
    return "warning" if any(map(connection.decided, grave)) else "info"


def closed_by(connection: Connection, index: int) -> str:
    """The sentence's end that says who had closed the connection before event ``index``, and where."""
    for event in connection.events[:index]:
        if (
            isinstance(event, SendCalled)
            and event.connection == connection.number
            and event.message in {CLOSE, DENY_START}
        ):
            at = next((frame for frame in reversed(event.stack) if frame.user), None)
            if event.sender == "user" and at is not None:
                did = "closed" if _accepted_before(connection, event) else "refused"
                return f"{subject(connection, at)} had already {did} the connection at {where(at)}"
            if event.sender == "framework":
                return "the framework had already closed the connection"
    return CLOSED


def _accepted_before(connection: Connection, close: SendCalled) -> bool:
    return any(
        event.message == "websocket.accept" and event.call < close.call
        for event in connection.all(SendCalled)
    )


def _tidying(connection: Connection, call: SendCalled) -> StackFrame | None:
    """The user's innermost line in the stack of ``call`` that is in a ``finally`` or an ``except``."""
    for frame in reversed(call.stack):
        line = read(connection, frame)
        if frame.user and (line.in_finally or line.in_handler):
            return frame
    return None


def _circumstance(connection: Connection, violation: Violation) -> str:
    """How it came to be sent after the disconnect, if the source says so."""
    call = violation.call
    frame = _tidying(connection, call)
    if violation.state is not State.DISCONNECTED or frame is None:
        return ""
    block = "a `finally`" if read(connection, frame).in_finally else "an `except`"
    if frame == innermost(connection, call.stack):
        return f", in {block} that also runs when the client has left"
    return f", called in {block} at {where(frame)} that also runs when the client has left"


def _setting(connection: Connection, violation: Violation) -> str:
    call = violation.call
    if call.sender != "user":
        return ""
    if connection.suppressed(violation):
        return "cancelled"
    if call.task != connection.main_task and call.task in connection.tasks:
        return "task"
    if violation.breach is Breach.AFTER_CLOSE:
        closes = (
            item for item in connection.all(SendCalled) if item.message in {CLOSE, DENY_START}
        )
        first = next(closes, call)
        return "" if _accepted_before(connection, first) else "refusal"
    in_loop = any(read(connection, frame).in_loop for frame in call.stack[-1:])
    return "farewell" if _tidying(connection, call) is not None and not in_loop else ""


def _raised_after_close(connection: Connection, call: SendCalled) -> StackFrame | None:
    """The user's line whose exception the framework answers, if the user's code had closed before."""
    if call.handling is None or ids(call.handling) & connection.violation_errors:
        return None
    if ids(call.handling) & {error.id for _, error in connection.breakdowns}:
        return None  # the server failed: no line of the user's decided that
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

"""WSD205 cleanup-skipped: code after `yield` never ran, because nothing guards it."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import COLLECTED, GRACE_OVER, UNDONE, WATCHED, check
from wsdoctor.diagnosis.exceptions import ids, name
from wsdoctor.diagnosis.location import where
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import remedy
from wsdoctor.diagnosis.source import read, skipped_after
from wsdoctor.recording.events import (
    AsyncGeneratorEnded,
    AsyncGeneratorFinalized,
    AsyncGeneratorStarted,
    ExceptionInfo,
)


def detect(connection: Connection) -> Iterator[Occurrence]:
    yield from _never_resumed(connection)
    started = {event.generator: event for event in connection.all(AsyncGeneratorStarted)}
    dropped = {event.generator for event in connection.all(AsyncGeneratorFinalized)}
    for event in connection.all(AsyncGeneratorEnded):
        begun, place = started.get(event.generator), event.location
        if begun is None or begun.iterated_at is not None or event.generator in dropped:
            continue  # the user's own loop may leave what it iterates at any `yield`
        line = skipped_after(connection, place)
        if not line:
            continue
        errors = _passed(connection)
        logged = any(ids(error) & connection.logged for error in errors)
        yield Occurrence(
            code=RULE.code,
            message=f"what `{place.function.rpartition('.')[2]}` does after its `yield` at {where(place)} never ran: an "
            "exception was thrown in there, and nothing guards it",
            place=place,
            severity="warning",
            mark="logged" if logged else "masked",
            index=connection.events.index(event),
            evidence=(
                *(f"{name(error)} passed through it" for error in errors[:2]),
                f"line {line} was not reached",
            ),
            blamed_on=frozenset().union(*(ids(error) for error in errors)),
        )


def _never_resumed(connection: Connection) -> Iterator[Occurrence]:
    """What a framework started for a client that was then refused, and left at its ``yield``."""
    if connection.turned_away is None:
        return
    started = {event.generator: event for event in connection.all(AsyncGeneratorStarted)}
    for event in connection.all(AsyncGeneratorFinalized):
        begun, place = started.get(event.generator), event.location
        if begun is None or place is None or not place.user:
            continue
        if begun.iterated_at is not None or begun.entered_at is not None:
            continue  # the user's own code started it: WSD304
        line = skipped_after(connection, place)
        if not line and not read(connection, place).owes_cleanup:
            continue
        what = (
            f"what `{place.function.rpartition('.')[2]}` does after its `yield` at {where(place)}"
        )
        yield Occurrence(
            code=RULE.code,
            message=(
                f"{what} never runs for a client that is refused: it is started, and nothing ends it"
                if line
                else f"{what} waits for the garbage collector when the client is refused: it is "
                "started, and nothing ends it"
            ),
            place=place,
            severity="info",
            mark="masked",
            index=connection.events.index(event),
            fault="framework",
            evidence=(f"line {line} was not reached",) if line else (),
        )


def _passed(connection: Connection) -> list[ExceptionInfo]:
    """The exceptions that left the handler: one of them was thrown in."""
    found = {escape.error.id: escape.error for escape in connection.escapes}
    if connection.returned is not None and connection.returned.exception is not None:
        error = connection.returned.exception
        found.setdefault(error.id, error)
    return list(found.values())


RULE = Rule(
    code="WSD205",
    name="cleanup-skipped",
    summary="the clean-up after the `yield` of a lifespan or dependency never ran, because nothing guards it",
    severity="warning",
    effect="lost",
    happens="the clean-up after `yield` is skipped",
    why=(
        "The exception that ends the handler is thrown in at the `yield` of its lifespan and of its "
        "dependencies: an uncaught disconnect, a send that fails, a cancellation when the server stops. "
        "Without `try` and `finally` the function ends at that line. Resources that it acquired before "
        "are never given back, and no log says so."
    ),
    silence="If what follows the `yield` is meant for the good end only, such as a commit.",
    remedies={
        "": remedy(
            "Put what has to run into a `finally`:",
            """
            try:
                yield ...
            finally:
                ...
            """,
        ),
    },
    detect=detect,
    links=("https://docs.python.org/3/library/contextlib.html#contextlib.asynccontextmanager",),
    rank=270,
    breaks_off=True,
    lateness="neither",
    checks={
        "refused client": check(
            "dropped grace reachless",
            WATCHED,
            GRACE_OVER,
            COLLECTED,
            'assert not left, f"started for the client, and never ended: {left}"',
        ),
        "skipped clean-up": UNDONE,
    },
)

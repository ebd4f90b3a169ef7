"""WSD304 unclosed-async-generator: its `finally` waits for the garbage collector (PEP 525)."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection, frame_root
from wsdoctor.diagnosis.emitted import COLLECTED, GRACE_OVER, WATCHED, check
from wsdoctor.diagnosis.location import where
from wsdoctor.diagnosis.logged import Signature
from wsdoctor.diagnosis.rule import Occurrence, Rule, seconds
from wsdoctor.diagnosis.rules._remedies import remedy
from wsdoctor.diagnosis.source import read
from wsdoctor.recording.events import AsyncGeneratorFinalized, AsyncGeneratorStarted, StackFrame


def detect(connection: Connection) -> Iterator[Occurrence]:
    started = {event.generator: event for event in connection.all(AsyncGeneratorStarted)}
    left = connection.all(AsyncGeneratorFinalized)
    abandoned = {frame_root(event.location) for event in left if event.location is not None}
    reported: set[StackFrame] = set()
    for event in left:
        begun, stands = started.get(event.generator), event.location
        place = None if begun is None else begun.iterated_at or begun.entered_at
        if begun is None or place is None or stands is None or not stands.user:
            continue  # a framework's, or one that a framework iterates: whose doing is not known
        if begun.task in connection.destroyed or place in reported:
            continue  # WSD303, which took it along
        if frame_root(place) in abandoned:
            continue  # so was the generator that iterates it: the code that left that one left both
        if not read(connection, stands).owes_cleanup:
            continue  # nothing waits for it to be closed
        reported.add(place)
        yield _occurrence(connection, event, begun, place, stands)


def _occurrence(
    connection: Connection,
    event: AsyncGeneratorFinalized,
    begun: AsyncGeneratorStarted,
    place: StackFrame,
    stands: StackFrame,
) -> Occurrence:
    name = begun.function.rpartition(".")[2]
    evidence = [f"`{name}` is suspended at {where(stands)}, with clean-up still to do"]
    if connection.returned is not None and event.time > connection.returned.time:
        evidence.append(
            f"the collector came upon it {seconds(event.time - connection.returned.time)} after the handler's return"
        )
    else:
        evidence.append("it is closed by the event loop, in another task, after the loop was left")
    happens = (
        f"`{name}` is entered at {where(place)} and never left"
        if begun.iterated_at is None
        else f"the loop at {where(place)} is left before `{name}` has ended, and nothing closes it"
    )
    return Occurrence(
        code=RULE.code,
        message=f"{happens}: its clean-up waits for the garbage collector",
        place=place,
        severity="warning",
        mark="masked",
        index=connection.events.index(event),
        evidence=tuple(evidence),
    )


RULE = Rule(
    code="WSD304",
    name="unclosed-async-generator",
    summary="an async generator of the connection was left suspended: its clean-up waits for the garbage collector",
    severity="warning",
    effect="lost",
    happens="an async generator is left suspended",
    why=(
        "`async for` does not close what it iterates. When the loop is left by an exception, a "
        "`break` or a `return`, the generator stays where it is, and its `finally` runs when the "
        "garbage collector finds it: later than the code that follows, in another task and another "
        "context. Until then the subscription, the lock or the cursor that it holds is held for a "
        "client that has left."
    ),
    silence="If it does not matter when, and in which task, its clean-up runs.",
    remedies={
        "": remedy(
            "Close the generator where you iterate it, whichever way the loop is left "
            "(`contextlib.aclosing`):",
            """
            async with aclosing(...) as prices:
                async for price in prices:
                    ...
            """,
            "A context manager is left by the `async with` that enters it, or by `aclose()` of the exit "
            "stack that does.",
        ),
    },
    detect=detect,
    links=("https://peps.python.org/pep-0525/#finalization",),
    rank=320,
    breaks_off=True,
    lateness="neither",
    checks={
        "": check(
            "generators grace",
            WATCHED,
            GRACE_OVER,
            COLLECTED,
            'assert not left, f"left for the garbage collector: {left}"',
        ),
    },
    signatures=(
        Signature(
            order=260,
            example="RuntimeError: async generator ignored GeneratorExit",
            pattern=(
                r"async generator ignored GeneratorExit"
                r"|an error occurred during closing of asynchronous generator"
                r"|Attempted to exit (?:a )?cancel scope in a different task"
            ),
            means="an async generator was left suspended, and ended by the garbage collector or by another task",
            also=("WSD205",),
            needle="async generator ignored",
            last_line=True,
            proof=False,
        ),
    ),
)

"""WSD306 orphan-thread: a thread that the connection started goes on without it."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import GRACE_OVER, WATCHED, check
from wsdoctor.diagnosis.location import origin_of, where
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import remedy
from wsdoctor.recording.events import LeftThread, StackFrame, ThreadsLeft

_SECOND_VISIT = 2
_LOOKS = 2
"""When the grace time has passed, and after the second visit."""


def detect(connection: Connection) -> Iterator[Occurrence]:
    looks = connection.all(ThreadsLeft)
    if len(looks) < _LOOKS:
        return  # it has ended by itself, or no other client came to compare with
    second = Connection(connection.recording, _SECOND_VISIT)
    again = {_place(second, left) for event in second.all(ThreadsLeft) for left in event.threads}
    reported: set[StackFrame | None] = set()
    for left in looks[-1].threads:
        place = _place(connection, left)
        # One that is started once, by whichever connection comes first, is the application's own.
        if place in again and place not in reported:
            reported.add(place)
            yield _occurrence(connection, looks[0], left, place)


def _place(connection: Connection, left: LeftThread) -> StackFrame | None:
    """The line that started it; or the function that it is in, if it is a pool's and its start was not seen."""
    if left.stack:
        return left.stack[-1]
    if left.task and (task := connection.tasks.get(left.task)) is not None:
        return origin_of(connection, task)
    return left.inside or connection.recording.handler


def _occurrence(
    connection: Connection, event: ThreadsLeft, left: LeftThread, place: StackFrame | None
) -> Occurrence:
    name = left.runs.rpartition(".")[2]
    evidence = [
        "it had a second of real time to end, and the next connection left another one behind"
    ]
    if left.inside is not None and left.inside != place:
        evidence.append(
            f"it is in `{left.inside.function.rpartition('.')[2]}` ({where(left.inside)})"
        )
    return Occurrence(
        code=RULE.code,
        message=f"the thread that runs `{name}`, started by the connection at {where(place)}, goes on after the handler "
        "has returned",
        place=place,
        severity="error",
        mark="masked",
        index=connection.events.index(event),
        evidence=tuple(evidence),
    )


RULE = Rule(
    code="WSD306",
    name="orphan-thread",
    summary="a thread that the connection started is still at work after the handler returned",
    severity="error",
    effect="lost",
    happens="a thread is left behind",
    why=(
        "A thread cannot be cancelled, and no other code will stop it. Every client that comes and goes "
        "leaves one behind, with its stack, its connections and its useless work; one of a pool takes a "
        "place that others wait for, until the pool is full and everything that needs a thread stands "
        "still. A thread that is no daemon also keeps the process from ending."
    ),
    silence=(
        "If it ends by itself, later than a second after its client has left, and clients are few."
    ),
    remedies={
        "": remedy(
            "Give the thread an event that stops it, and set the event where you started the thread, "
            "however the handler ends:",
            """
            stop = threading.Event()
            worker = threading.Thread(...)
            worker.start()
            try:
                ...
            finally:
                stop.set()
            """,
            "To cancel the task that waits for `asyncio.to_thread` does not end the thread.",
        ),
    },
    detect=detect,
    rank=360,
    lateness="neither",
    checks={
        "": check(
            "threads grace",
            WATCHED,
            GRACE_OVER,
            "left = [t for t in threading.enumerate() if t not in tap.threads]",
            "left = [t for t in left if not rests(t)]",
            'assert not left, f"still running after the handler: {left}"',
        ),
    },
)

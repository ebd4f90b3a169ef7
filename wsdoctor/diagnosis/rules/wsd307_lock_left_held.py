"""WSD307 lock-left-held: a lock, or a permit of a semaphore, that the connection has not given back."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import GRACE_OVER, WATCHED, check
from wsdoctor.diagnosis.exceptions import ids
from wsdoctor.diagnosis.location import subject, where
from wsdoctor.diagnosis.releases import acquired
from wsdoctor.diagnosis.rule import Occurrence, Rule, seconds
from wsdoctor.diagnosis.rules._remedies import remedy
from wsdoctor.recording.events import LeftLock, LockMet, LocksLeft, SendCalled, StackFrame

_LOOKS = 2
"""When the grace time has passed, and after the second visit."""


def detect(connection: Connection) -> Iterator[Occurrence]:
    yield from _kept_from(connection)
    looks = connection.all(LocksLeft)
    if len(looks) < _LOOKS:
        return  # it was released later, or no client came that could have wanted it
    reported: set[StackFrame] = set()
    for left in looks[-1].locks:
        place = left.stack[-1]
        met = _harmed(connection, left)
        if met is None or place in reported or _handed_over(connection, left):
            continue
        reported.add(place)
        yield _occurrence(connection, looks[0], left, met)


def _kept_from(connection: Connection) -> Iterator[Occurrence]:
    """What clients before this one have left held, and it waits for when it should have ended."""
    reported: set[StackFrame] = set()
    for index, event in enumerate(connection.recording.events):
        for left in event.locks if isinstance(event, LocksLeft) and not event.connection else ():
            place = left.stack[-1]
            met = next((m for m in left.met if (m.connection, m.how) == (1, "waits")), None)
            if met is None or place in reported:
                continue
            reported.add(place)
            there = "there" if met.stack[-1] == place else f"at {where(met.stack[-1])}"
            yield Occurrence(
                code=RULE.code,
                message=f"{subject(connection, place)} acquired {_named(connection, left)} at {where(place)} for an "
                f"earlier client, and it is still held: a later one waits for it {there}, for ever",
                place=place,
                severity="error",
                effect="stuck",
                mark="masked",
                index=index,
                evidence=tuple(_unreleased(connection, left)),
            )


def _harmed(connection: Connection, left: LeftLock) -> LockMet | None:
    """What became of the next client, if it was any the worse for it."""
    for met in left.met:
        if met.how == "keeps":
            return met
        if met.how == "refused":
            if _turned_away(connection, met.connection):
                return met
        elif met.seconds >= (connection.recording.grace if left.free is not None else _INSTANT):
            return met  # other tasks may have had the other permits for a while
    return None


_INSTANT = 0.001
"""Seconds: less is a cancellation that was already there."""

_TURNS_AWAY = frozenset({"websocket.close", "websocket.http.response.start"})


def _turned_away(connection: Connection, number: int) -> bool:
    """Whether the application closed connection ``number`` by itself, and not the first one."""
    first, later = (
        one.delivered is None and any(call.message in _TURNS_AWAY for call in one.all(SendCalled))
        for one in (connection, Connection(connection.recording, number))
    )
    return later and not first


def _handed_over(connection: Connection, left: LeftLock) -> bool:
    """Whether a task is still there that may release it.

    One that was started since then, or one that had it acquired by a task of its own (``wait_for``).
    """
    alive = connection.tasks.keys() - connection.ends.keys()
    if any(connection.tasks[number].time >= left.since for number in alive):
        return True
    number = left.task
    while (task := connection.tasks.get(number)) is not None and task.parent < number:
        number = task.parent
        if number in alive:
            return True
    return False


def _occurrence(
    connection: Connection, event: LocksLeft, left: LeftLock, met: LockMet
) -> Occurrence:
    place = left.stack[-1]
    evidence = list(_unreleased(connection, left))
    if left.free is not None:
        evidence.append(
            f"two clients came and went, and {left.free} {'permit is' if left.free == 1 else 'permits are'} left"
        )
    return Occurrence(
        code=RULE.code,
        message=f"{subject(connection, place)} acquired {_named(connection, left)} at {where(place)}, and it is still held long after "
        f"the handler has returned: {_told(met, place)}",
        place=place,
        severity="error",
        mark="masked",
        index=connection.events.index(event),
        evidence=tuple(evidence),
        blamed_on=_broken_off_by(connection, left.task),
        task=left.task,
    )


def _named(connection: Connection, left: LeftLock) -> str:
    name = acquired(connection, left.stack[-1]).name
    what = "the lock" if left.free is None else "a permit of"
    return f"{what} `{name}`" if name else f"{what} an `{left.kind}`"


def _unreleased(connection: Connection, left: LeftLock) -> Iterator[str]:
    """Which line would have given it back."""
    place = left.stack[-1]
    lock = acquired(connection, place)
    if lock.released_at and not lock.guarded:
        yield (
            f"the `release()` at {where(place).rpartition(':')[0]}:{lock.released_at} was not reached, and is "
            "in no `finally`"
        )


def _told(met: LockMet, place: StackFrame) -> str:
    """What became of the next client, in a sentence."""
    there = "there" if met.stack[-1] == place else f"at {where(met.stack[-1])}"
    return {
        "waits": f"the next client waits for it {there}, for ever",
        "in-vain": f"the next client waited {seconds(met.seconds)} for it {there}, in vain",
        "refused": "the next client was turned away",
        "keeps": "the next client kept one as well, and so does each that leaves like this",
    }[met.how]


def _broken_off_by(connection: Connection, task: int) -> frozenset[int]:
    """The exceptions that left the handler, or ended ``task``, before it could give the lock back."""
    ended = connection.ends.get(task)
    left = [escape.error for escape in connection.escapes]
    if ended is not None and ended.exception is not None:
        left.append(ended.exception)
    return frozenset().union(*map(ids, left))


def _locks_out(cause: Occurrence, _symptom: Occurrence) -> bool:
    """Whether handlers of other connections wait for the lock."""
    return cause.effect == "stuck"


RULE = Rule(
    code="WSD307",
    name="lock-left-held",
    summary="a lock or semaphore that the connection acquired is still held after its handler has ended",
    severity="error",
    effect="lost",
    happens="a lock is left held",
    why=(
        "No code can give back any more what the connection took. If it is a lock, the next client and all "
        "later ones wait for ever. A semaphore loses one permit with every client that leaves at such a "
        "moment: after ten of them, a limit of ten lets no client in. There is no error in any log, and it "
        "ends with the next restart."
    ),
    silence="If it is meant to be taken once, for as long as the process lives.",
    remedies={
        "": remedy(
            "Hold it in an `async with`, which gives it back whichever way the block is left, by a "
            "disconnect or a cancellation as well. Locks, semaphores, conditions and limiters of asyncio "
            "and of anyio are all used so:",
            """
            async with lock:
                ...
            """,
            "Where one function acquires it and another one releases it, the release belongs into a "
            "`finally` that is passed in any case.",
        ),
    },
    detect=detect,
    links=("https://docs.python.org/3/library/asyncio-sync.html",),
    rank=330,
    explains={"WSD204": _locks_out, "WSD402": _locks_out, "WSD403": _locks_out},
    not_tidied=True,
    lateness="neither",
    checks={
        "": check(
            "held grace",
            WATCHED,
            GRACE_OVER,
            "held = holds().items()",
            "left = [lock for key, (lock, n) in held if n > free.get(key, (lock, 0))[1]]",
            'assert not left, f"still held after the handler: {left}"',
        ),
    },
)

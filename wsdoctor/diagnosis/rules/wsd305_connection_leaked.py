"""WSD305 connection-leaked: something that the connection left is never cleared away."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from wsdoctor.diagnosis.attribution import PLUMBING, place_in_package
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.definition import defined_at
from wsdoctor.diagnosis.emitted import COLLECTED, GRACE_OVER, WATCHED, check
from wsdoctor.diagnosis.entries import Entry, takes
from wsdoctor.diagnosis.exceptions import ids
from wsdoctor.diagnosis.growth import (
    grown,
    grown_in_libraries,
    is_number,
    phrase,
    root_name,
)
from wsdoctor.diagnosis.location import subject, where
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import remedy, worded
from wsdoctor.recording.events import (
    ConnectionsKept,
    ContainersGrew,
    Growth,
    Holder,
    ProbeRead,
    StackFrame,
    TimersLeft,
)

_MOST = 16
"""Visits of a session, at most."""

_SECOND_VISIT = 2
_LOOKS = 2
"""After the longest watch, and after the second visit."""


def detect(connection: Connection) -> Iterator[Occurrence]:
    for event in connection.all(ConnectionsKept):
        if event.holders:
            yield _kept(connection, event)
    for growing in connection.all(ContainersGrew):
        yield from _grew(connection, growing)
    yield from _set_again(connection)
    yield from _off(connection)


def _kept(connection: Connection, event: ConnectionsKept) -> Occurrence:
    places = [(holder, defined_at(connection, holder)) for holder in event.holders]
    holder, place = next((pair for pair in places if pair[1] is not None), places[0])
    others = [
        f"so does {phrase(other)} at {where(line)}"
        for other, line in places
        if line is not None and line != place
    ]
    count = (
        f"{event.count} clients came and went{_each_with(event.apart)}, and all {event.count} connections "
        "are still referenced"
    )
    inside = holder.inside
    if inside is not None and inside.package not in PLUMBING and not connection.runs_user_code:
        return Occurrence(
            code=RULE.code,
            message=f"a `{inside.function}` of `{inside.package}` still holds the connection long after the handler has returned",
            place=None,
            severity="info",
            mark="masked",
            index=connection.events.index(event),
            fault="package",
            inside=inside,
            evidence=(
                count,
                f"it is reached by {phrase(holder)} at {where(place)}",
                f"inside `{inside.package}`, at {place_in_package(inside)} in `{inside.function}`",
            ),
            blamed_on=_broken_off_by(connection),
        )
    return Occurrence(
        code=RULE.code,
        message=f"{phrase(holder)} at {where(place)} still holds the connection long after the handler has returned",
        place=place,
        severity="error",
        mark="masked",
        index=connection.events.index(event),
        evidence=(count, *others),
        blamed_on=_broken_off_by(connection),
        setting=_setting(holder),
    )


def _setting(holder: Holder) -> str:
    if holder.kind == "timer":
        return "timer"
    return "cache" if holder.container == "cache" else ""


def _grew(connection: Connection, event: ContainersGrew) -> Iterator[Occurrence]:
    """Something of every client stays, in containers that do not hold the connection itself.

    All leaks have one cause. Growth that may be a history is only a remark.
    """
    leaks, histories = grown(connection, event)
    registered, remarks, theirs = grown_in_libraries(event)
    if leaks:
        others = [*(other for other, _ in leaks[1:]), *registered]
        yield _kept_of_each(connection, event, *leaks[0], others)
    else:
        yield from (_registered(connection, event, growth) for growth in registered)
    yield from (_of_library(connection, event, growth) for growth in (*remarks, *theirs))
    for growth, places in histories:
        taken = next(iter(takes(connection.recording.sources, growth.holder)), None)
        gone = "nothing is taken out again"
        if taken is not None:
            gone = f"`{taken.taking}` at {where(taken.take)} takes none of it out"
        yield Occurrence(
            code=RULE.code,
            message=f"{phrase(growth.holder)} grows with every client, and {gone}",
            place=_put(connection, growth.holder, places),
            severity="info",
            setting="history",
            mark="masked",
            index=connection.events.index(event),
            evidence=(_counted(event, growth),),
            blamed_on=_broken_off_by(connection),
        )


def _named(connection: Connection, holder: Holder) -> str:
    """A library's container in a sentence, with the line that gives the user's name to its object."""
    place = defined_at(connection, structs.replace(holder, name=root_name(holder)))
    if place is None or holder.kind not in {"global", "variable"}:
        return phrase(holder)
    return phrase(holder, where(place))


def _registered(connection: Connection, event: ContainersGrew, growth: Growth) -> Occurrence:
    """The user's code has a library keep something of every client, and does not undo it."""
    known, inside = growth.registered, growth.holder.inside
    assert known is not None
    assert inside is not None
    evidence = [_counted(event, growth)]
    if known.undo_at is not None:
        undo = f"`{known.undo_text}` at {where(known.undo_at)}"
        evidence.append(f"{undo} would take it out, and did not run")
    elif known.undo:
        evidence.append(f"`{known.undo}` would take it out, and your code does not call it")
    leaving = "that leaves like this " if event.comes_back else ""
    return Occurrence(
        code=RULE.code,
        message=(
            f"{_named(connection, growth.holder)} keeps something of every client {leaving}"
            "long after the handler has returned"
        ),
        place=known.put,
        severity="error",
        setting="registered",
        mark="masked",
        index=connection.events.index(event),
        evidence=tuple(evidence),
        blamed_on=_broken_off_by(connection),
    )


def _of_library(connection: Connection, event: ContainersGrew, growth: Growth) -> Occurrence:
    """A library keeps something of every client that the user's code cannot take out, or need not."""
    known, inside = growth.registered, growth.holder.inside
    assert inside is not None
    place = known.put if known is not None and not known.undone else None
    gone = "and nothing is taken out again"
    if known is not None and known.undo_at is not None:
        gone = f"though `{known.undo_text}` at {where(known.undo_at)} runs for each"
    return Occurrence(
        code=RULE.code,
        message=f"{_named(connection, growth.holder)} grows with every client, {gone}",
        place=place,
        severity="info",
        setting="history" if place is not None else "",
        mark="masked",
        index=connection.events.index(event),
        fault="app" if place is not None else "package",
        inside=None if place is not None else inside,
        evidence=(
            _counted(event, growth),
            f"inside `{inside.package}`, at {place_in_package(inside)} in `{inside.function}`",
        ),
        blamed_on=_broken_off_by(connection),
    )


def _kept_of_each(
    connection: Connection,
    event: ContainersGrew,
    growth: Growth,
    places: tuple[Entry, ...],
    others: list[Growth],
) -> Occurrence:
    meant = next((entry for entry in places if entry.take), None)
    evidence = [_counted(event, growth)]
    if event.comes_back:
        evidence.append(
            "a client that leaves by a close frame, when nothing is going on, leaves none"
        )
    if meant is not None:
        back = "bring it back" if is_number(growth) else "take it out"
        evidence.append(f"`{meant.taking}` at {where(meant.take)} would {back}, and did not run")
    if event.refused:
        evidence.append("the next client was refused, and so was one a quarter of an hour later")
    for other in others:
        how = f"goes {_direction(other)}" if is_number(other) else "grows"
        evidence.append(f"{phrase(other.holder)} {how} as well")
    leaving = "that leaves like this " if event.comes_back else ""
    what = "a finished task" if growth.finished else "something"
    until = f", until no more are let in ({event.count} here)" if event.refused else ""
    return Occurrence(
        code=RULE.code,
        message=(
            f"{phrase(growth.holder)} goes {_direction(growth)} with every client {leaving}and stays so long after the handler has returned{until}"
            if is_number(growth)
            else f"{phrase(growth.holder)} keeps {what} of every client {leaving}long after the handler has returned{until}"
        ),
        place=meant.put if meant else _put(connection, growth.holder, places),
        severity="error",
        setting=_way(growth),
        mark="masked",
        index=connection.events.index(event),
        evidence=tuple(evidence),
        blamed_on=_broken_off_by(connection),
    )


def _way(growth: Growth) -> str:
    """In which way it grows, for the remedy."""
    if is_number(growth):
        return "gauge"
    return "finished" if growth.finished else "entry"


def _put(connection: Connection, holder: Holder, places: tuple[Entry, ...]) -> StackFrame | None:
    """Where something is put in, or else where the container gets its name."""
    if places:
        return places[0].put
    return defined_at(connection, holder) or connection.recording.handler


def _direction(growth: Growth) -> str:
    return "down" if growth.falls else "up"


def _counted(event: ContainersGrew, growth: Growth) -> str:
    if is_number(growth):
        than = "lower" if growth.falls else "higher"
        return f"{_clients(event)} came and went, and it is {growth.by} {than}"
    return f"{_clients(event)} came and went{_each_with(event.apart)}, and there are {growth.by} elements more in it"


def _clients(event: ContainersGrew) -> str:
    return "one client" if event.count == 1 else f"{event.count} clients"


def _each_with(apart: str) -> str:
    """In what clients differ, as a part of a sentence; empty if they were alike."""
    return f", each with another value of {apart}" if apart else ""


def _set_again(connection: Connection) -> Iterator[Occurrence]:
    """Timers whose function sets the next one, for each client that has ever come."""
    looks = connection.all(TimersLeft)
    held = [holder for event in connection.all(ConnectionsKept) for holder in event.holders]
    if len(looks) < _LOOKS or any(holder.kind == "timer" for holder in held):
        return
    second = Connection(connection.recording, _SECOND_VISIT)
    again = {place for event in second.all(TimersLeft) for place in event.places}
    for place in looks[-1].places:
        # One that the first client has started for all of them is the application's own.
        if place in again:
            yield Occurrence(
                code=RULE.code,
                message=f"{subject(connection, place)} sets a timer at {where(place)} again and again, "
                "long after the handler has returned",
                place=place,
                severity="error",
                setting="timer",
                mark="masked",
                index=connection.events.index(looks[0]),
                evidence=("the next client left another one",),
                blamed_on=_broken_off_by(connection),
            )


def _off(connection: Connection) -> Iterator[Occurrence]:
    """The probes that have not come back, after this connection nor after any other."""
    if not connection.probes:
        return
    others = [Connection(connection.recording, number).probes for number in range(2, _MOST)]
    later = [read for read in others if read]
    for name, (before, after) in connection.probes.items():
        if before == after or not later or not all(_differs(read.get(name)) for read in later):
            continue
        event = next(
            event
            for event in reversed(connection.all(ProbeRead))
            if event.probe == name and event.when == "after"
        )
        place: StackFrame | None = connection.recording.handler
        yield Occurrence(
            code=RULE.code,
            message=f"the probe {name} was {before} before the connection and is {after} after it",
            place=place,
            severity="error",
            mark="masked",
            index=connection.events.index(event),
            evidence=tuple(
                f"with the next client it went from {read[name][0]} to {read[name][1]}"
                for read in later
            ),
            blamed_on=_broken_off_by(connection),
        )


def _broken_off_by(connection: Connection) -> frozenset[int]:
    """The exceptions that left the handler before it could tidy up."""
    return frozenset().union(*(ids(escape.error) for escape in connection.escapes))


def _differs(read: tuple[str, str] | None) -> bool:
    return read is not None and read[0] != read[1]


RULE = Rule(
    code="WSD305",
    name="connection-leaked",
    summary="the connection, or something of it, is still kept after its handler has ended",
    severity="error; info if it grows with every client however it leaves, and no function means to take it out",
    effect="lost",
    happens="something of the connection is kept",
    why=(
        "Every client that comes and goes leaves its connection in memory, with all that it holds: "
        "its headers, its queues, its user. Code that sends to all in that list sends to the dead as "
        "well, and each such send is one more error or one more delay for the clients that are there. In "
        "the end the process is killed for its memory, days after the cause."
    ),
    silence=(
        "If the container is limited in a way that twelve connections in a row do not show, a cache of the "
        "last hundred, say. A container that grows with every client however it leaves, and from which no "
        "function takes anything out, may be a history: that is only a remark (`info`)."
    ),
    remedies={
        **worded(
            "",
            "Take the connection out again where you put it in, whichever way the handler ends:",
            {
                "": """
                    clients.add(websocket)
                    try:
                        ...
                    finally:
                        clients.discard(websocket)
                """,
                "asgi": """
                    clients.add(send)
                    try:
                        ...
                    finally:
                        clients.discard(send)
                """,
                "quart": """
                    queues.add(queue)
                    try:
                        ...
                    finally:
                        queues.discard(queue)
                """,
                "channels": """
                    async def connect(self) -> None:
                        await self.accept()
                        members.add(self)

                    async def disconnect(self, code: int) -> None:
                        members.discard(self)
                """,
            },
            {
                "": "If no other client has to know that it has left, use a `weakref.WeakSet`, which with "
                "Starlette and FastAPI forgets it by itself.",
                **dict.fromkeys(("asgi", "quart", "channels"), ""),
            },
        ),
        "/entry": remedy(
            "Take it out again where you put it in, whichever way the handler ends:",
            """
            sessions[key] = session
            try:
                ...
            finally:
                del sessions[key]
            """,
        ),
        "/finished": remedy(
            "Let each task take itself out when it is done:",
            """
            task = asyncio.create_task(...)
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            """,
        ),
        "/timer": remedy(
            "A timer holds what it is to be called with until it is due, and one whose function sets the next one "
            "never ends. Cancel it whichever way the handler ends:",
            """
            timer = asyncio.get_running_loop().call_later(...)
            try:
                ...
            finally:
                timer.cancel()
            """,
        ),
        "/cache": remedy(
            "A cache keeps what its function is called with. Call it with what the answer depends on, such as the "
            "name of the user, and not with the connection; and give it a limit: `lru_cache(maxsize=100)`.",
        ),
        "/gauge": remedy(
            "Bring it back in a `finally`, whichever way the handler ends, and before the first `await` there:",
            """
            live += 1
            try:
                ...
            finally:
                live -= 1
            """,
        ),
        "/registered": remedy(
            "Undo it where you did it, whichever way the handler ends:",
            """
            log.addHandler(handler)
            try:
                ...
            finally:
                log.removeHandler(handler)
            """,
            "A context manager of the library's does the same, if it has one.",
        ),
        "/history": remedy(
            "If it is a history, give it a limit:",
            """
            history: deque[str] = deque(maxlen=1000)
            """,
            "Otherwise take it out again where you put it in, in a `finally`.",
        ),
    },
    detect=detect,
    rank=370,
    not_tidied=True,
    lateness="neither",
    checks={
        "": check(
            "kept grace",
            WATCHED,
            GRACE_OVER,
            COLLECTED,
            'assert not any(one() for one in tap.kept), "the connection is still referenced"',
        ),
        "container": check(
            "grows grace",
            WATCHED,
            GRACE_OVER,
            "left = kept() - before",
            'assert left <= 0, f"{left} more than before the client came"',
        ),
        "number": check(
            "grows counts grace",
            WATCHED,
            GRACE_OVER,
            "after = kept()",
            'assert after == before, f"{before} before the client came, and {after} now"',
        ),
        "timer": check(
            "timers grace",
            WATCHED,
            GRACE_OVER,
            "now = asyncio.get_running_loop().time()",
            "left = [one for one in tap.timers if one.when() > now and not one.cancelled()]",
            'assert not left, f"still to fire after the handler: {left}"',
        ),
    },
)

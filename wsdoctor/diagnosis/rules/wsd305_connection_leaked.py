"""WSD305 connection-leaked: something that the connection left is never cleared away."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import where
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.definition import defined_at
from wsdoctor.diagnosis.entries import Entry, grown
from wsdoctor.diagnosis.exceptions import ids
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import remedy
from wsdoctor.recording.events import (
    ConnectionsKept,
    ContainersGrew,
    Growth,
    Holder,
    ProbeRead,
    StackFrame,
)

_MOST = 16
"""Visits of a session, at most."""


def detect(connection: Connection) -> Iterator[Occurrence]:
    for event in connection.all(ConnectionsKept):
        if event.holders:
            yield _kept(connection, event)
    for growing in connection.all(ContainersGrew):
        yield from _grew(connection, growing)
    yield from _off(connection)


def _kept(connection: Connection, event: ConnectionsKept) -> Occurrence:
    places = [(holder, defined_at(connection, holder)) for holder in event.holders]
    holder, place = next((pair for pair in places if pair[1] is not None), places[0])
    others = [
        f"so does {_told(other)} at {where(line)}"
        for other, line in places
        if line is not None and line != place
    ]
    return Occurrence(
        code=RULE.code,
        message=f"{_told(holder)} at {where(place)} still holds the connection long after the handler has returned",
        place=place,
        severity="error",
        mark="masked",
        index=connection.events.index(event),
        evidence=(
            f"{event.count} clients came and went, and all {event.count} connections are still referenced",
            *others,
        ),
        blamed_on=_broken_off_by(connection),
    )


def _grew(connection: Connection, event: ContainersGrew) -> Iterator[Occurrence]:
    """Something of every client stays, in containers that do not hold the connection itself.

    All that must not grow so has one cause. What may is only told.
    """
    leaks, histories = grown(connection, event)
    if leaks:
        yield _kept_of_each(connection, event, *leaks[0], [other for other, _ in leaks[1:]])
    for growth, places in histories:
        yield Occurrence(
            code=RULE.code,
            message=f"{_told(growth.holder)} grows with every client, and nothing is taken out again",
            place=_put(connection, growth.holder, places),
            severity="info",
            setting="history",
            mark="masked",
            index=connection.events.index(event),
            evidence=(_counted(event, growth),),
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
        evidence.append(
            f"`{meant.taking}` at {where(meant.take)} would take it out, and did not run"
        )
    evidence += [f"{_told(other.holder)} grows as well" for other in others]
    leaving = "that leaves like this " if event.comes_back else ""
    return Occurrence(
        code=RULE.code,
        message=(
            f"{_told(growth.holder)} keeps something of every client {leaving}long after the handler has returned"
        ),
        place=meant.put if meant else _put(connection, growth.holder, places),
        severity="error",
        setting="entry",
        mark="masked",
        index=connection.events.index(event),
        evidence=tuple(evidence),
        blamed_on=_broken_off_by(connection),
    )


def _put(connection: Connection, holder: Holder, places: tuple[Entry, ...]) -> StackFrame | None:
    """Where something is put in, or else where the container gets its name."""
    if places:
        return places[0].put
    return defined_at(connection, holder) or connection.recording.handler


def _counted(event: ContainersGrew, growth: Growth) -> str:
    return f"{event.count} clients came and went, and there are {growth.by} elements more in it"


def _told(holder: Holder) -> str:
    """``holder`` in a sentence."""
    name = {
        "global": f"`{holder.name}`",
        "attribute": f"`{holder.name}` of `{holder.owner}`",
        "class": f"`{holder.owner}.{holder.name}`",
        "variable": f"`{holder.name}` in `{holder.owner.rpartition('.')[2]}`",
    }[holder.kind]
    article = "an" if holder.container[:1] in "aeiou" else "a"
    return f"{name} ({article} {holder.container})"


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
    why=(
        "Every client that comes and goes leaves its connection in memory, with all that it holds: "
        "its headers, its queues, its user. Whoever sends to all in that list sends to the dead as "
        "well, and each such send is one more error or one more delay for those who are there. It "
        "ends with a process that is killed for its memory, days after the cause."
    ),
    silence=(
        "If what is kept is limited in a way that twelve connections in a row do not show, a cache "
        "of the last hundred, say. What grows with every client however it leaves, and no function means "
        "to take out, may be a history: that is only told (`info`)."
    ),
    remedies={
        "": remedy(
            "Take the connection out again where you put it in, whichever way the handler ends:",
            """
            clients.add(websocket)
            try:
                ...
            finally:
                clients.discard(websocket)
            """,
            "If nobody else has to know that it has left, a `weakref.WeakSet` forgets it by itself.",
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
        "/history": remedy(
            "If it is a history, give it a limit:",
            """
            history: deque[str] = deque(maxlen=1000)
            """,
            "Otherwise take it out again where you put it in, in a `finally`.",
        ),
    },
    detect=detect,
)

"""What of all that grows with every client must not, and what may."""

from __future__ import annotations

from wsdoctor.diagnosis.bounds import is_bounded
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.entries import Entry, entries, entries_across
from wsdoctor.diagnosis.gauges import NUMBER, movements
from wsdoctor.recording.events import ContainersGrew, Growth, Holder

Grown = tuple[Growth, tuple[Entry, ...]]
"""What has grown, and where something is put into it."""


def is_number(growth: Growth) -> bool:
    """Whether a number has grown, and no container."""
    return growth.holder.container == NUMBER


def grown(connection: Connection, event: ContainersGrew) -> tuple[list[Grown], list[Grown]]:
    """What must not grow so, the surest first, and what may: a history, that is meant to stay.

    It must not if it goes when a client leaves quietly, or if the code that puts it in means to
    take it out. What is kept small otherwise is neither. A number must not if a line that was to bring it back did not run; all others count
    what has been, and are neither. What grows only with clients that differ is bounded by the number
    of users: it must not if the code that puts it in is to come to the line that takes it out.
    """
    sources = connection.recording.sources
    found: list[Grown] = []
    for growth in event.grown:
        if is_number(growth):
            continue
        places = entries(connection, growth.holder.name)
        if not is_bounded(sources, growth.holder.name):
            places = (*entries_across(sources, growth.holder), *places)
        elif not any(entry.owed for entry in places):
            continue
        found.append((growth, tuple(sorted(places, key=lambda entry: entry.take is None))))
    if event.apart:
        owed = [
            (growth, tuple(entry for entry in places if entry.owed)) for growth, places in found
        ]
        return [item for item in owed if item[1]], []
    meant = [any(entry.take for entry in places) for _, places in found]
    leaks = [item for item, sure in zip(found, meant, strict=True) if sure or event.comes_back]
    leaks += [
        (growth, places)
        for growth in event.grown
        if is_number(growth)
        and (
            places := movements(
                sources,
                growth.holder.name,
                falls=growth.falls,
                always=not event.comes_back,
            )
        )
    ]
    leaks.sort(key=lambda item: not any(entry.take for entry in item[1]))
    return leaks, [item for item in found if item not in leaks]


def phrase(holder: Holder) -> str:
    """``holder`` in a sentence."""
    name = {
        "global": f"`{holder.name}`",
        "attribute": f"`{holder.name}` of `{holder.owner}`",
        "class": f"`{holder.owner}.{holder.name}`",
        "timer": f"a timer of `{holder.name}`",
        "variable": f"`{holder.name}` in `{holder.owner.rpartition('.')[2]}`",
    }[holder.kind]
    if holder.container == NUMBER or holder.kind == "timer":
        return name
    article = "an" if holder.container[:1].lower() in "aeiou" else "a"
    return f"{name} ({article} {holder.container})"

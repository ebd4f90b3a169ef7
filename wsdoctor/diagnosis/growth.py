"""What of all that grows with every client must not, and what may."""

from __future__ import annotations

import re
import sys

from wsdoctor.diagnosis.bounds import is_bounded
from wsdoctor.diagnosis.calls import STARTERS
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.entries import Entry, entries, entries_across
from wsdoctor.diagnosis.gauges import NUMBER, is_brought_back, movements
from wsdoctor.recording.events import ContainersGrew, Growth, Holder

_BY_NAME = frozenset({"dict", "OrderedDict", "defaultdict"})

Grown = tuple[Growth, tuple[Entry, ...]]
"""Growth of a container, and the entries that put something into it."""


def is_number(growth: Growth) -> bool:
    """Whether a number has grown, and no container."""
    return growth.holder.container == NUMBER


def grown(connection: Connection, event: ContainersGrew) -> tuple[list[Grown], list[Grown]]:
    """Growth that is a leak, the surest first, and growth that may be a history, which is meant to stay.

    It is a leak if the element goes when a client leaves quietly, if the code that puts it in means to
    take it out, or if it is a task that is done. A container that is kept small otherwise is neither. A
    number is a leak if a line that should bring it back did not run; other numbers count past events, and
    are neither. Growth that needs different clients is bounded by the number of users: it is a leak if
    the code that puts the element in should reach the line that takes it out.
    """
    sources = connection.recording.sources
    found: list[Grown] = []
    for growth in event.grown:
        if is_number(growth) or growth.holder.inside is not None:
            continue
        places = entries(connection, growth.holder)
        if not is_bounded(sources, growth.holder, _to_be_called(event, growth)):
            places = (*entries_across(sources, growth.holder), *places)
        elif not any(entry.owed for entry in places):
            continue
        found.append((growth, tuple(sorted(places, key=lambda entry: entry.take is None))))
    if event.apart:
        owed = [
            (growth, tuple(entry for entry in places if entry.owed)) for growth, places in found
        ]
        return [item for item in owed if item[1]], []
    meant = [
        _is_in_use_no_more(growth) or any(entry.take for entry in places)
        for growth, places in found
    ]
    leaks = [item for item, sure in zip(found, meant, strict=True) if sure or event.comes_back]
    leaks += [
        (growth, places)
        for growth in event.grown
        if is_number(growth)
        and (
            event.comes_back
            or not growth.holder.through
            or is_brought_back(sources, growth.holder, falls=growth.falls)
        )
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
    # Where the next client was refused, too few have come to know that the others grow with each of them.
    histories = [] if event.refused else [item for item in found if item not in leaks]
    return leaks, histories


def _to_be_called(event: ContainersGrew, growth: Growth) -> frozenset[str]:
    """The calls whose function may still take out what has grown; that of others has not done so."""
    over = frozenset[str]()
    if growth.finished:
        over |= {"add_done_callback"}
    if not event.scheduled:
        over |= {"call_later", "call_at"}
    return STARTERS - over


def _is_in_use_no_more(growth: Growth) -> bool:
    """Whether the new elements are finished tasks without a key: a key lets code fetch the result later."""
    return growth.finished and growth.holder.container not in _BY_NAME


def grown_in_libraries(event: ContainersGrew) -> tuple[list[Growth], list[Growth], list[Growth]]:
    """Growth in objects of libraries for every client: the user's leaks, histories, and the library's own.

    It is a leak if the user's code has called a method that another method of the library undoes, and the
    other one did not run; or if it goes when a client leaves quietly. It is the library's if no line of the
    user's is known for it, or if the user's code has undone its call. A container with a limit, or one
    that empties by itself, is neither. The result has one container for each object.
    """
    leaks: dict[object, Growth] = {}
    histories: dict[object, Growth] = {}
    theirs: dict[object, Growth] = {}
    for growth in sorted(event.grown, key=_is_inner):
        holder, known = growth.holder, growth.registered
        if holder.inside is None or (known is not None and known.lapses):
            continue
        named = (holder.kind, holder.owner, holder.file, root_name(holder))
        if known is not None and ((known.undo and not known.undone) or event.comes_back):
            leaks.setdefault(named, growth)
        elif growth.limited:
            continue
        elif known is not None and not known.undone:
            histories.setdefault(named, growth)
        elif holder.inside.package not in sys.stdlib_module_names:
            theirs.setdefault(named, growth)
    histories = {named: growth for named, growth in histories.items() if named not in leaks}
    told = leaks.keys() | histories.keys()
    return (
        list(leaks.values()),
        list(histories.values()),
        [growth for named, growth in theirs.items() if named not in told],
    )


def _is_inner(growth: Growth) -> tuple[bool, int]:
    """Sorts what a library has for its users first."""
    name = growth.holder.name
    return "._" in name, name.count(".")


def root_name(holder: Holder) -> str:
    """The user's name in that of a library's container: ``log`` of ``log.handlers``."""
    return re.split(r"[.\[]", holder.name, maxsplit=1)[0]


def phrase(holder: Holder, at: str = "") -> str:
    """``holder`` in a sentence, with the place ``at`` which it has its name."""
    name = {
        "global": f"`{holder.name}`",
        "attribute": f"`{holder.name}` of `{holder.through or holder.owner}`",
        "class": f"`{holder.owner}.{holder.name}`",
        "timer": f"a timer of `{holder.name}`",
        "variable": f"`{holder.name}` in `{holder.owner.rpartition('.')[2]}`",
    }[holder.kind]
    if at:
        name = f"{name} of {at}"
    if holder.container == NUMBER or holder.kind == "timer":
        return name
    article = "an" if holder.container[:1].lower() in "aeiou" else "a"
    return f"{name} ({article} {holder.container})"

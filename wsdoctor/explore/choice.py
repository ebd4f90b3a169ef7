"""What of the matrix is gone through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsdoctor.explore.options import Options
from wsdoctor.plan.kinds import BYSTANDER_KINDS, DEFAULT_KINDS, parse_kind
from wsdoctor.plan.moments import NAMED, parse_moment
from wsdoctor.plan.servers import SERVERS, parse_server
from wsdoctor.recording.case import BESIDE


@dataclass(frozen=True, slots=True)
class Choice:
    """The servers, kinds and moments to go through, checked, and why others are left out."""

    servers: tuple[str, ...]
    kinds: tuple[str, ...]
    moments: tuple[str, ...]
    notes: tuple[str, ...] = ()


def choose(
    options: Options, installed: Sequence[str], *, moments: tuple[str, ...] = NAMED
) -> Choice:
    """What ``options`` ask for; ``moments`` are those of somebody who asks for none.

    Raises PlanError for a name that does not exist, or a server that is not installed here.
    """
    wanted = tuple(dict.fromkeys(parse_server(name) for name in options.servers))
    missing = [name for name in (wanted or SERVERS) if name not in installed]
    notes = [f"{name} was left out: it is not installed here" for name in missing]
    if options.depth == "full" and options.clock == "wall" and not options.moments:
        notes.append("the named moments were tried, not every one: that needs the virtual clock")
    beside = BYSTANDER_KINDS if options.bystander and options.clock == "virtual" else ()
    return Choice(
        servers=tuple(name for name in (wanted or SERVERS) if name in installed),
        kinds=tuple(dict.fromkeys(parse_kind(name) for name in options.kinds))
        or (*DEFAULT_KINDS, *beside),
        moments=tuple(dict.fromkeys(parse_moment(name) for name in options.moments)) or moments,
        notes=tuple(notes),
    )


def beside(choice: Choice, options: Options) -> frozenset[str]:
    """The kinds with a bystander that nobody has asked for by name.

    They are many seconds long: every moment of them only if they are asked for.
    """
    return frozenset(kind for kind in choice.kinds if kind.endswith(BESIDE) and not options.kinds)


def kinds_run(choice: Choice, options: Options) -> tuple[str, ...]:
    """The kinds that every route is taken through, on every server."""
    # It is an abort, at moments that a sweep has anyway; who asks for nothing else gets it by name.
    others = tuple(kind for kind in choice.kinds if kind != "before-accept")
    return others if options.sweeps and others else choice.kinds

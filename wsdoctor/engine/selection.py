"""What of the matrix is gone through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsdoctor.options.check import Options
from wsdoctor.plan.kinds import BYSTANDER_KINDS, DEAR_KINDS, DEFAULT_KINDS, parse_kind
from wsdoctor.plan.moments import NAMED, parse_moment
from wsdoctor.plan.servers import SERVERS, parse_server
from wsdoctor.recording.case import BESIDE, RECONNECT


@dataclass(frozen=True, slots=True)
class Selection:
    """The servers, kinds and moments to go through, checked, and why others are left out."""

    servers: tuple[str, ...]
    kinds: tuple[str, ...]
    moments: tuple[str, ...]
    notes: tuple[str, ...] = ()


def choose(
    options: Options, installed: Sequence[str], *, moments: tuple[str, ...] = NAMED
) -> Selection:
    """The selection that ``options`` make; ``moments`` is the default.

    Raises PlanError for a name that does not exist, or a server that is not installed here.
    """
    wanted = tuple(dict.fromkeys(parse_server(name) for name in options.servers))
    missing = [name for name in (wanted or SERVERS) if name not in installed]
    notes = [f"{name} was left out: it is not installed here" for name in missing]
    if options.depth == "full" and options.clock == "wall" and not options.moments:
        notes.append("the named moments were tried, not every one: that needs the virtual clock")
    both = options.bystander and options.clock == "virtual"
    beside = (RECONNECT, *BYSTANDER_KINDS) if both else ()
    return Selection(
        servers=tuple(name for name in (wanted or SERVERS) if name in installed),
        kinds=tuple(dict.fromkeys(parse_kind(name) for name in options.kinds))
        or (*DEFAULT_KINDS, *beside),
        moments=tuple(dict.fromkeys(parse_moment(name) for name in options.moments)) or moments,
        notes=tuple(notes),
    )


def long_kinds(selection: Selection, options: Options) -> frozenset[str]:
    """The kinds that have a few moments of their own, unless the user asks for them by name.

    They last many seconds, so all their moments would cost too much. The moments of a client that comes
    back are those of its old connection's clean-up, which only a sweep knows.
    """
    back = frozenset() if options.sweeps else frozenset({RECONNECT}) & {*selection.kinds}
    if options.kinds:
        return back
    dear = DEAR_KINDS if options.sweeps else back
    return frozenset(kind for kind in selection.kinds if kind.endswith(BESIDE) or kind in dear)


def kinds_run(selection: Selection, options: Options) -> tuple[str, ...]:
    """The kinds that every route is taken through, on every server."""
    # It is an abort, at moments that a sweep has anyway; who asks for nothing else gets it by name.
    others = tuple(kind for kind in selection.kinds if kind != "before-accept")
    return others if options.sweeps and others else selection.kinds

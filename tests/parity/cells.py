"""The cells that are compared, and running one: a built-in variant on a server, at a kind and moment."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from wsdoctor.engine import sweep
from wsdoctor.engine.catalogue import catalogue, find_variant
from wsdoctor.plan.kinds import DEFAULT_KINDS
from wsdoctor.plan.matrix import cases
from wsdoctor.plan.moments import EVERY, QUIET, SURVEY, TIMER
from wsdoctor.plan.servers import SERVERS
from wsdoctor.recording.case import TOGETHER, Case, Handshake, Step
from wsdoctor.recording.recording import Recording
from wsdoctor.session.run import SessionTarget, run_case
from wsdoctor.session.timeouts import Timing
from wsdoctor.target import Target, TargetSpec, load

World = Literal["memory", "loopback", "wall"]
"""Virtual time over the network in memory; virtual time over real loopback sockets; stock asyncio."""

VARIANTS = tuple(variant.name for variant in catalogue())


@dataclass(frozen=True)
class Cell:
    variant: str
    case: Case

    def __str__(self) -> str:
        return f"{self.variant} {self.case.id.removeprefix('/ws ')}"


def named(variant: str) -> Iterator[Cell]:
    """A variant on every server, at every kind: after two messages, or during the handshake."""
    return _cells(variant, DEFAULT_KINDS, "after:2")


def rare(variant: str) -> Iterator[Cell]:
    """Cells with one moment only: two clients that leave together, and one before a timer."""
    yield from _cells(variant, ("close", "abort"), f"{TOGETHER}:{QUIET}")
    yield from _cells(variant, ("burst-abort",), TIMER)


def lives(variant: str) -> Iterator[Cell]:
    """The whole life of a connection to it, as a sweep lives it: for every server and kind."""
    survey = next(_cells(variant, ("close",), SURVEY))
    script = sweep.life(survey.case, play(survey, "memory"))
    kinds = tuple(kind for kind in DEFAULT_KINDS if kind != "before-accept")
    return _cells(variant, kinds, EVERY, script)


def _cells(
    variant: str, kinds: tuple[str, ...], moment: str, script: tuple[Step, ...] = ()
) -> Iterator[Cell]:
    planned = cases(
        route="/ws",
        handshake=Handshake(path="/ws"),
        servers=SERVERS,
        kinds=kinds,
        moments=(moment,),
        script=script,
    )
    return (Cell(variant, case) for case in planned)


def play(cell: Cell, world: World) -> Recording:
    """The Recording of a cell in one of the three worlds."""
    target = _target(cell.variant)
    subject = SessionTarget(
        target.build(), target.framework, target.user_code, target.routes[0].handler
    )
    if world == "wall":
        return run_case(cell.case, subject, timing=Timing(clock="wall"))
    return run_case(cell.case, subject, network=world)


@functools.cache
def _target(variant: str) -> Target:
    return load(TargetSpec(f"{find_variant(variant).path}:app"))

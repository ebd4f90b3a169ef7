"""What a shard's report carries beside its findings, so that ``wsdoctor merge`` can put it together."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.ending import Ending
from wsdoctor.diagnosis.finding import CaseResult
from wsdoctor.diagnosis.suspension import Conversation
from wsdoctor.recording.events import StackFrame


class CellResult(Struct, kw_only=True):
    """What one share of the work showed: the cases of one route, server and kind.

    It grows while the cases run, so an interrupt loses nothing. ``order`` is its place in the whole
    plan. ``rows`` are the results to report: one for each case, or one for a sweep. ``diagnosed``
    are the cases that are not spotless. ``reached`` are the user's lines that were suspended at some
    moment of a sweep, ``covered`` those at which a disconnect came. ``planned`` and ``run`` count
    schedules, ``unfinished`` says why they are not the same. ``slow`` counts those that spent real time,
    ``missed`` those whose moment, for that reason, did not come again; ``left_out`` the moments of
    a handler that is never at rest, ``alike`` those of a life in the same state as others. ``endings`` are those of the healthy cases, to be compared between servers.
    ``conversations`` say what those reached whose lines were observed.
    """

    id: str
    order: int
    route: str
    rows: list[CaseResult] = field(default_factory=list)
    diagnosed: list[Diagnosed] = field(default_factory=list)
    planned: int = 0
    run: int = 0
    unfinished: str = ""
    slow: int = 0
    missed: int = 0
    left_out: int = 0
    alike: int = 0
    reached: list[StackFrame] = field(default_factory=list)
    covered: list[StackFrame] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    conversations: list[Conversation] = field(default_factory=list)


class Confirmation(Struct, frozen=True, kw_only=True):
    """The result of running a case again: under equal conditions, and on real loopback sockets.

    Both hold the codes that came up. ``difference`` says where the second sequence of events differs
    from the first. ``other`` is the run that did not show all codes.
    """

    same_way: frozenset[str]
    real_sockets: frozenset[str]
    difference: str = ""
    other: Diagnosed | None = None


Answer = Literal["failed", "passed", "not-met", "not-run"]
"""What an emitted test did: it failed on the finding; it passed; its moment did not come; or it was not
run, or could not be."""


class Witnessed(Struct, frozen=True):
    """What the emitted test of a finding showed, in how many wall seconds; ``note`` says why."""

    answer: Answer
    note: str = ""
    seconds: float = 0.0


class Shard(Struct, frozen=True, kw_only=True):
    """Shard ``number`` of ``of``: its parts, and its cases that were run again, by id.

    ``narrowed``: all shards together are not everything either, for options chose among the cases.
    """

    number: int
    of: int
    parts: tuple[CellResult, ...]
    again: dict[str, Confirmation] = {}
    witnessed: dict[str, Witnessed] = {}
    """By fingerprint of the finding."""
    conversations: dict[str, list[Conversation]] = {}
    """By route: those that every shard had to plan its cases."""
    narrowed: bool = False

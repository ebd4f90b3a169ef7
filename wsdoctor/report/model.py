"""The Report: one command's whole answer, and the public JSON contract (docs: "JSON")."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from wsdoctor.diagnosis.finding import CaseResult, Finding, Markers, Verdict
from wsdoctor.recording.grace import GRACE
from wsdoctor.report.shard import Shard

SCHEMA_VERSION = "1.0"


class Tool(Struct, frozen=True):
    name: str
    version: str


class TargetInfo(Struct, frozen=True):
    """The checked target: ``kind`` is variant, app, factory, handler, listener or lifespan.

    ``factory`` and ``app_dir`` are the options of that name, for a replay.
    """

    spec: str
    kind: str
    framework: str
    factory: bool = False
    app_dir: str | None = None


class MomentCoverage(Struct, frozen=True):
    covered: int
    total: int


class AwaitPoint(Struct, frozen=True):
    file: str
    line: int
    function: str
    covered: bool


class CodeLine(Struct, frozen=True):
    file: str
    line: int
    function: str


class AwaitPoints(Struct, frozen=True):
    """Every ``await`` of the handlers, and of the user's functions that they called; 0: not observed."""

    reached: int = 0
    total: int = 0
    not_reached: tuple[CodeLine, ...] = ()


class Unheard(Struct, frozen=True):
    """A line of ``route``'s handler that waited for a message of the client's, and none ever came."""

    route: str
    file: str
    line: int
    function: str


class Coverage(Struct, frozen=True):
    """``awaits`` are the lines that the moments of a sweep met the handler at."""

    moments: MomentCoverage
    awaits: tuple[AwaitPoint, ...] = ()
    await_points: AwaitPoints = AwaitPoints()
    unheard: tuple[Unheard, ...] = ()


class Declared(Struct, frozen=True):
    """What a built-in variant says of itself, beside what it did: ``run`` compares the two.

    ``expected`` is what any run shows, ``only_in_sweep`` what no named moment does.
    """

    variant: str
    story: str
    expected: tuple[str, ...]
    found: tuple[str, ...]
    as_declared: bool
    fixed_twin: str | None = None
    only_in_sweep: tuple[str, ...] = ()


class Moment(Struct, frozen=True):
    """One event of a case, for people: at ``time`` (seconds of the session's clock) in a ``lane``.

    ``left_out``: number of events without a line of their own that it represents.
    """

    time: float
    lane: Literal["client", "wire", "server", "app", "log"]
    text: str
    faulty: bool = False
    left_out: int = 0


class Lifeline(Struct, frozen=True):
    """The handler, or a task or async generator of the connection, from its birth to its death.

    ``first`` and ``last`` are the places of those events among the Timeline's; ``last`` is None if it
    outlived what was observed. ``place`` is where it was started, e.g. ``app.py:12``.
    """

    name: str
    kind: Literal["handler", "task", "generator"]
    begin: float
    end: float | None
    first: int
    last: int | None
    outcome: str = ""
    place: str = ""


class Timeline(Struct, frozen=True):
    """The case that shows a finding best, as rows for people: (time, lane, text, faulty).

    ``lane`` is ``client``, ``app`` or ``log``; time is seconds of the session's clock. The same in five
    lanes are ``moments``, and ``lives`` what lived meanwhile.
    """

    case: str
    rows: tuple[tuple[float, str, str, bool], ...]
    moments: tuple[Moment, ...] = ()
    lives: tuple[Lifeline, ...] = ()


class Beside(Struct, frozen=True):
    """The same case where it goes well: ``what`` is e.g. ``on wsproto, where it does not happen``."""

    what: str
    timeline: Timeline


class Excerpt(Struct, frozen=True):
    """Lines of one of the user's files, from line ``first`` on: the functions that findings are in."""

    file: str
    first: int
    lines: tuple[str, ...]


class Suppressed(Struct, frozen=True):
    """A finding that the user has decided to accept, and the place of that decision.

    ``by`` is ``ignore`` or ``select`` (the rule is off), ``comment`` (in the code; its ``reason`` is the
    comment's) or ``baseline`` (it was there before).
    """

    finding: Finding
    by: Literal["ignore", "select", "comment", "baseline"]
    reason: str = ""


class Report(Struct, frozen=True, kw_only=True):
    """Everything that one ``check`` (or one variant of ``run``) found out.

    ``notes`` are sentences about what was left out and why (a server that is not installed, a
    moment that cannot be reached, a budget that ended).
    """

    schema_version: str = SCHEMA_VERSION
    tool: Tool
    environment: dict[str, str]
    command: str
    target: TargetInfo
    verdict: Verdict
    markers: Markers
    findings: tuple[Finding, ...]
    cases: tuple[CaseResult, ...]
    coverage: Coverage
    duration_seconds: float
    notes: tuple[str, ...] = ()
    declared: Declared | None = None
    timelines: dict[str, Timeline] = {}
    """By fingerprint of the finding."""
    other_runs: dict[str, Timeline] = {}
    """The run of the same case that did not show the finding, if there was one; by fingerprint."""
    beside: dict[str, Beside] = {}
    """The case of a finding where it goes well, if there is such a place; by fingerprint."""
    sources: tuple[Excerpt, ...] = ()
    interrupted: bool = False
    clock: Literal["virtual", "wall"] = "virtual"
    grace: float = GRACE
    """Seconds of ``clock`` that a handler was given to end."""
    suppressed: tuple[Suppressed, ...] = ()
    """Findings that the user has decided to accept: they fail no build."""
    shard: Shard | None = None
    """Data for ``wsdoctor merge``, if this is one shard of several."""


class ReportSet(Struct, frozen=True, kw_only=True):
    """What ``run`` writes for several variants; for a single one it writes that Report itself."""

    schema_version: str = SCHEMA_VERSION
    reports: tuple[Report, ...]

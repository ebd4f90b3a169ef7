"""What a diagnosis says: findings, the answer of every case, and a verdict over all of them.

These are the shapes of the JSON report (docs: "JSON"); only additions within schema 1.x.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from wsdoctor.recording.case import Case

Verdict = Literal["healthy", "defective", "inconclusive", "nothing-checked"]
Severity = Literal["error", "warning", "info"]
GRAVITY: dict[Severity, int] = {"info": 0, "warning": 1, "error": 2}
"""What weighs more."""

Fault = Literal["app", "package", "framework", "server", "client"]
"""``package``: an installed package that is neither the framework nor the server."""

Mark = Literal["logged", "masked", "no"]
"""It happened and the server logged it; it happened and the server said nothing; it did not happen."""


class Location(Struct, frozen=True):
    """A line of the user's code. ``file`` is relative to the working directory when below it."""

    file: str
    line: int
    function: str
    snippet: str


class Markers(Struct, frozen=True):
    """The two questions that wsdoctor is named for."""

    websocket_disconnect: Mark = "no"
    unexpected_asgi_message: Mark = "no"


class Moments(Struct, frozen=True):
    """At how many of the moments that were checked it failed, and the earliest of those."""

    failing: int
    checked: int
    earliest: str


class FindingEffect(Struct, frozen=True):
    """What a finding did in ``cases`` of its cases, by the rule ``code``; ``happens`` is a clause.

    A case counts for its gravest effect, so the cases of all effects are those of the finding.
    """

    code: str
    happens: str
    cases: int


class Confirmed(Struct, frozen=True):
    """How often the finding came up again when its case was repeated; ``of`` 0: not repeated.

    ``on_real_sockets``: also on stock loopback sockets, not only in memory. ``test`` is what its emitted
    test did on stock asyncio, without anything of wsdoctor's: it ``failed``, as it has to; it
    ``passed``, so that the finding is inconclusive; its moment was ``not-met`` on a wall clock; or it
    was ``not-run``. ``note`` says why.
    """

    reproduced: int = 0
    of: int = 0
    on_real_sockets: bool = False
    test: Literal["failed", "passed", "not-met", "not-run"] = "not-run"
    note: str = ""


class Finding(Struct, frozen=True, kw_only=True):
    """One defect, with its symptoms as evidence."""

    code: str
    name: str
    severity: Severity
    fault: Fault
    route: str
    message: str
    location: Location | None
    servers: dict[str, Mark]
    disconnects: tuple[str, ...]
    moments: Moments
    evidence: tuple[str, ...]
    symptoms: tuple[str, ...]
    remedy: str
    fingerprint: str
    replay: str
    """The id of the case that shows it best."""
    case: Case | None = None
    """That case, with all that a replay needs but the values of headers and queries."""
    confirmed: Confirmed = Confirmed()
    handler: Location | None = None
    """The head of the route's handler: where a comment holds for all that is found on the route."""
    effects: tuple[FindingEffect, ...] = ()
    """What it did, and in how many cases: the gravest first, which names the finding."""
    package: str = ""
    """The package at fault, by its import name, if ``fault`` is ``package``."""
    links: tuple[str, ...] = ()
    """Where to read on: the framework's documentation, and the issue it was first seen in."""


class Schedules(Struct, frozen=True):
    """How the schedules of a sweep ended: one for each moment of the connection's life."""

    healthy: int = 0
    defective: int = 0
    inconclusive: int = 0
    not_judged: int = 0
    """Number of cases in which the handler did not understand a message of wsdoctor's own making."""

    @property
    def total(self) -> int:
        return self.healthy + self.defective + self.inconclusive + self.not_judged


class CaseResult(Struct, frozen=True, kw_only=True):
    """The answer of one case.

    ``teardown_seconds`` is the time (of the session's clock) from the end of the connection to the
    handler's return; None if it did not return, or the connection never began. ``note`` says why a
    case is inconclusive. A sweep is one row: its ``moment`` is ``*``, and ``moments`` counts its
    schedules.
    """

    id: str
    route: str
    server: str
    kind: str
    moment: str
    verdict: Verdict
    codes: tuple[str, ...]
    markers: Markers
    close_code: int | None
    teardown_seconds: float | None
    events: int
    note: str = ""
    moments: Schedules | None = None
    not_understood: str = ""
    """Why the handler did not understand a message of wsdoctor's own making, if it did not: such a case
    is ``nothing-checked``, and so is a sweep all of whose schedules are."""

    @property
    def not_judged(self) -> bool:
        """Whether it says nothing either way, because a made-up message was not understood."""
        return self.verdict == "nothing-checked" and bool(self.not_understood)

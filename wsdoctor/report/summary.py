"""The numbers and tables of a Report that its text shows: counted here, printed elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from wsdoctor.diagnosis.finding import CaseResult, Finding, Mark, Markers, Verdict
from wsdoctor.report.model import Report

_MARKS: tuple[Mark, ...] = ("no", "masked", "logged")


def strongest(marks: Iterable[Mark]) -> Mark:
    """``logged`` over ``masked`` over ``no``."""
    return max(marks, key=_MARKS.index, default="no")


def servers_of(reports: Iterable[Report]) -> tuple[str, ...]:
    """The servers of all cases, in the order in which they were run."""
    return tuple(dict.fromkeys(case.server for report in reports for case in report.cases))


def markers_on(report: Report, server: str) -> Markers | None:
    """The two markers on one server, the strongest over its cases; None if it checked nothing."""
    cases = [c for c in report.cases if c.server == server and c.verdict != "nothing-checked"]
    if not cases:
        return None
    return Markers(
        websocket_disconnect=strongest(case.markers.websocket_disconnect for case in cases),
        unexpected_asgi_message=strongest(case.markers.unexpected_asgi_message for case in cases),
    )


class Extent(NamedTuple):
    """How many different routes, servers, kinds and moments the cases have."""

    cases: int
    routes: int
    servers: int
    kinds: int
    moments: int


def extent(report: Report) -> Extent:
    """The numbers of cases, routes, servers, kinds and moments that were run."""
    cases = report.cases
    return Extent(
        cases=sum(case.moments.total if case.moments else 1 for case in cases),
        routes=len({case.route for case in cases}),
        servers=len({case.server for case in cases}),
        kinds=len({case.kind for case in cases}),
        moments=max(
            len({case.moment for case in cases}),
            *(case.moments.total for case in cases if case.moments),
            0,
        ),
    )


class MatrixCell(NamedTuple):
    """One route, server and kind over all moments."""

    healthy: int
    defective: int
    inconclusive: int
    not_judged: int

    def __str__(self) -> str:
        """``ok``, ``X 2/3`` (findings at two of three moments), ``? 1/3``, ``ok 2/3`` or ``-``."""
        total = sum(self)
        if not total:
            return "-"
        if self.defective:
            return f"X {self.defective}/{total}"
        if self.inconclusive:
            return f"? {self.inconclusive}/{total}"
        if self.not_judged:
            return f"ok {self.healthy}/{total}" if self.healthy else "-"
        return "ok"


def cell(cases: Sequence[CaseResult], route: str, server: str, kind: str) -> MatrixCell:
    """The MatrixCell of ``route``, ``server`` and ``kind``."""
    here = [c for c in cases if (c.route, c.server, c.kind) == (route, server, kind)]
    swept = [c.moments for c in here if c.moments is not None]
    verdicts: list[Verdict] = [c.verdict for c in here if c.moments is None]
    return MatrixCell(
        verdicts.count("healthy") + sum(m.healthy for m in swept),
        verdicts.count("defective") + sum(m.defective for m in swept),
        verdicts.count("inconclusive") + sum(m.inconclusive for m in swept),
        sum(c.not_judged for c in here if c.moments is None) + sum(m.not_judged for m in swept),
    )


def mark(report: Report, route: str, server: str, kind: str) -> str:
    """The MatrixCell of ``report`` in a word; ``hidden`` if nothing but suppressed findings is there."""
    word = str(cell(report.cases, route, server, kind))
    hidden = word.startswith("ok") and any(
        item.finding.severity != "info" and shows(item.finding, route, server, kind)
        for item in report.suppressed
    )
    return "hidden" if hidden else word


def hides_findings(report: Report) -> bool:
    """Whether something was found that the report does not show among its findings."""
    return bool(report.suppressed)


def not_judged(report: Report) -> dict[str, list[CaseResult]]:
    """The rows with cases in which the handler did not understand a made-up message, by the reason."""
    found: dict[str, list[CaseResult]] = {}
    for case in report.cases:
        if case.not_judged or (case.moments is not None and case.moments.not_judged):
            found.setdefault(case.not_understood, []).append(case)
    return found


def shows(finding: Finding, route: str, server: str, kind: str) -> bool:
    """Whether ``finding`` is about that route, server and kind."""
    return (
        finding.route == route
        and kind in finding.disconnects
        and finding.servers.get(server, "no") != "no"
    )


def counted(number: int, noun: str) -> str:
    """``1 case``, ``2 cases``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def severities(report: Report) -> str:
    """``1 error, 2 warnings``: the findings by severity; ``no findings`` if there are none."""
    counts = {"error": 0, "warning": 0, "info": 0}
    for finding in report.findings:
        counts[finding.severity] += 1
    nouns = {"error": "error", "warning": "warning", "info": "remark"}
    parts = [counted(number, nouns[name]) for name, number in counts.items() if number]
    return ", ".join(parts) or "no findings"


def name_of(report: Report) -> str:
    """The variant's name, or the target as the user wrote it."""
    return report.declared.variant if report.declared else report.target.spec


def as_declared(report: Report) -> bool:
    """Whether it is the report of a variant that did what it declares."""
    return report.declared is not None and report.declared.as_declared

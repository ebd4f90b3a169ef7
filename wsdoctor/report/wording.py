"""What reports say of a Report, a finding or a place, in whatever format."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from wsdoctor.diagnosis.finding import Finding, Location
from wsdoctor.plan.servers import short_name
from wsdoctor.recording.case import BESIDE, RECONNECT
from wsdoctor.report.model import Report, Suppressed, TargetInfo
from wsdoctor.report.summary import Extent, counted, hides_findings, severities

_BY = {
    "ignore": "--ignore",
    "select": "--select",
    "comment": "a comment",
    "baseline": "the baseline",
}


def kind_of(target: TargetInfo) -> str:
    return "built-in variant" if target.kind == "variant" else f"{target.framework} {target.kind}"


def size_of(size: Extent) -> str:
    """``6 cases = 1 route x 3 servers x …``"""
    regular = size.cases == size.routes * size.servers * size.kinds * size.moments
    return (
        f"{counted(size.cases, 'case')} = {counted(size.routes, 'route')} x "
        f"{counted(size.servers, 'server')} x {counted(size.kinds, 'kind')} of disconnect x "
        f"{'' if regular else 'up to '}{counted(size.moments, 'moment')}"
    )


def place_of(where: Location) -> str:
    return f"{where.file}:{where.line}"


def headline(finding: Finding) -> str:
    at = f" at {place_of(finding.location)}" if finding.location else ""
    return f"{finding.code} {finding.name}{at}"


def how_suppressed(item: Suppressed) -> str:
    reason = f": {item.reason}" if item.reason else ""
    return f"{headline(item.finding)}, by {_BY[item.by]}{reason}"


def verdict_of(report: Report) -> str:
    """The verdict, in words. A report that hides findings is not called healthy, but what it shows."""
    if report.verdict != "healthy" or not hides_findings(report):
        return report.verdict.replace("-", " ")
    if any(item.by == "select" for item in report.suppressed):
        return f"{severities(report)} among the selected rules"
    return severities(report) if report.findings else "no other findings"


def hidden_in(report: Report) -> str:
    """How many findings are hidden, and which codes by what; "" if there are none."""
    if not report.suppressed:
        return ""
    codes: dict[str, dict[str, None]] = {}
    for item in report.suppressed:
        codes.setdefault(_BY[item.by], {})[item.finding.code] = None
    by = ", ".join(f"{' and '.join(found)} by {how}" for how, found in codes.items())
    number = len(report.suppressed)
    return f"{counted(number, 'finding')} {'is' if number == 1 else 'are'} hidden: {by}"


def await_points(report: Report) -> str:
    """``3 of 7 await points reached; not reached: app.py:40, 55``; "" if all were reached."""
    points = report.coverage.await_points
    if not points.not_reached:
        return ""
    lines: dict[str, list[str]] = {}
    for point in points.not_reached:
        lines.setdefault(point.file, []).append(str(point.line))
    missed = "; ".join(f"{file}:{', '.join(numbers)}" for file, numbers in lines.items())
    total = counted(points.total, "await point")
    return f"{points.reached} of {total} reached; not reached: {missed}"


def unheard(report: Report) -> str:
    """What the verdict says of handlers that waited for a message that never came; "" if none did.

    The built-in variants are meant to be met like that.
    """
    waited = report.coverage.unheard
    if not waited or report.declared is not None:
        return ""
    at = ", ".join(f"{item.file}:{item.line}" for item in waited)
    who = "the handler waits" if len(waited) == 1 else f"{len(waited)} handlers wait"
    return f"{who} for a message that never came ({at})"


def whose_fault(finding: Finding) -> str:
    return " ".join(filter(None, (finding.fault, finding.package)))


def _accompanied(kind: str) -> bool:
    return kind.endswith(BESIDE) or kind == RECONNECT


def when(report: Report, finding: Finding) -> str:
    """The kinds of disconnect at which it shows."""
    # Cases with a second client test other things, so only those that show the finding are named.
    run = {
        case.kind
        for case in report.cases
        if case.route == finding.route
        and (not _accompanied(case.kind) or case.kind in finding.disconnects)
    }
    if len(run) > 1 and run == {*finding.disconnects}:
        return f"every kind of disconnect that was tried ({len(run)})"
    return ", ".join(finding.disconnects) or "-"


def facts(report: Report, finding: Finding) -> Iterator[tuple[str, Sequence[str]]]:
    """The facts of a finding besides its message and its line: labels, each with its lines."""
    on = ", ".join(f"{short_name(server)} ({mark})" for server, mark in finding.servers.items())
    yield "on", [on or "-"]
    yield "when", [when(report, finding)]
    at = finding.moments
    yield "moments", [f"{at.failing} of {at.checked} fail, the earliest {at.earliest}"]
    if len(finding.effects) > 1:
        parts = [f"at {effect.cases} {effect.happens}" for effect in finding.effects]
        yield "effects", [", ".join(parts)]
    if how := how_confirmed(finding):
        yield "confirmed", [how]
    yield "observed", finding.evidence
    yield "also shows", [*map(rule_name, finding.symptoms)]


def how_confirmed(finding: Finding) -> str:
    """How it was shown again, "" if it was not tried."""
    confirmed = finding.confirmed
    if confirmed.test == "failed":
        return "by its emitted test on stock asyncio"
    if confirmed.test == "passed":
        return "NO: its emitted test passes on stock asyncio"
    if not confirmed.of:
        return confirmed.note
    if not confirmed.on_real_sockets:
        return "NO, it did not come up again on loopback sockets"
    return "; ".join(filter(None, ("on loopback, virtual time", confirmed.note)))


def rule_name(code: str) -> str:
    """The code and the name of a rule; only the code, if this version does not have it."""
    from wsdoctor.diagnosis.rules import find_rule  # noqa: PLC0415 - a healthy report needs none

    rule = find_rule(code)
    return f"{code} {rule.name}" if rule else code


def target_file(report: Report) -> str:
    """The file of the target, with ``/``: where a format wants a path and a finding has no line."""
    name = report.target.spec.rpartition(":")[0] or report.target.spec
    if not name.endswith(".py"):
        name = name.replace(".", "/")
        package = Path(report.target.app_dir or "", name, "__init__.py")
        name = f"{name}/__init__.py" if package.is_file() else f"{name}.py"
    if report.target.app_dir:
        name = os.path.normpath(Path(report.target.app_dir, name))
    return name.replace(os.sep, "/")

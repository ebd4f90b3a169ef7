"""What reports say of a Report, a finding or a place, in whatever format."""

from __future__ import annotations

import os
from pathlib import Path

from wsdoctor.diagnosis.finding import Finding, Location
from wsdoctor.recording.case import BESIDE
from wsdoctor.report.model import Report, Suppressed, TargetInfo
from wsdoctor.report.summary import Extent, counted

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


def whose_fault(finding: Finding) -> str:
    return " ".join(filter(None, (finding.fault, finding.package)))


def when(report: Report, finding: Finding) -> str:
    """The kinds of disconnect at which it shows."""
    # Of the cases with a bystander, which are about other things, those that show it are named.
    run = {
        case.kind
        for case in report.cases
        if case.route == finding.route
        and (not case.kind.endswith(BESIDE) or case.kind in finding.disconnects)
    }
    if len(run) > 1 and run == {*finding.disconnects}:
        return f"every kind of disconnect that was tried ({len(run)})"
    return ", ".join(finding.disconnects) or "-"


def rule_name(code: str) -> str:
    """``WSD101 close-after-disconnect``."""
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

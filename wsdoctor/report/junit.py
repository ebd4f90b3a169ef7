"""Reports as JUnit XML: one test case for each route, server and kind of disconnect.

A kind at which something was found is a failure, one that could not be decided is an error: neither
CI system nor reader may take it for a pass. A test case has one failure, with all that was found: of
several, GitLab's parser takes none. It tells test cases apart by class and name, not by suite.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from junitparser import Attr, Error, Failure, JUnitXml, TestCase, TestSuite

from wsdoctor.diagnosis.finding import CaseResult, Finding
from wsdoctor.report.layout import visible
from wsdoctor.report.model import Report
from wsdoctor.report.replay_command import replay_command
from wsdoctor.report.repository import place_of_finding
from wsdoctor.report.summary import cell, name_of, shows
from wsdoctor.report.wording import hidden_in, how_suppressed, place_of, whose_fault


def render(reports: Sequence[Report]) -> bytes:
    """The XML, UTF-8: one suite for each report."""
    document = JUnitXml("wsdoctor")
    for report in reports:
        document.add_testsuite(_suite(report, f"{name_of(report)} " if len(reports) > 1 else ""))
    document.update_statistics()  # type: ignore[no-untyped-call]  # junitparser's own
    # Cases take no time of their own to tell: a sweep is spread over processes, its clock is virtual.
    document.time = round(sum(report.duration_seconds for report in reports), 3)
    for suite, report in zip(document, reports, strict=True):
        suite.time = report.duration_seconds
    out = io.BytesIO()
    document.write(out, pretty=True)
    return out.getvalue()


class _TestCase(TestCase):
    file = Attr("file")
    """Where the handler is, or what was found; GitLab shows it."""


def _suite(report: Report, before: str) -> TestSuite:
    """``before`` the route it says which of several reports it is of."""
    suite = TestSuite(visible(name_of(report)))
    suite.add_property("command", visible(report.command))
    for name, version in report.environment.items():
        suite.add_property(name, version)
    keys = dict.fromkeys((case.route, case.kind, case.server) for case in report.cases)
    for route, kind, server in keys:
        cases = [c for c in report.cases if (c.route, c.kind, c.server) == (route, kind, server)]
        suite.add_testcase(_test_case(report, cases, before))
    for note in (*report.notes, *filter(None, [hidden_in(report)])):
        suite.add_property("note", visible(note))
    if report.interrupted:
        suite.add_property("note", "interrupted: this is what is known so far")
    return suite


def _test_case(report: Report, cases: Sequence[CaseResult], before: str) -> TestCase:
    first = cases[0]
    test = _TestCase(f"{first.kind} {first.server}", classname=visible(f"{before}{first.route}"))
    found = [finding for finding in report.findings if _shows(finding, first)]
    grave = [finding for finding in found if finding.severity != "info"]
    told = [finding for finding in found if finding.severity == "info"]
    hidden = [item for item in report.suppressed if _shows(item.finding, first)]
    counts = cell(cases, first.route, first.server, first.kind)
    if grave:
        test.file = place_of_finding(report, grave[0])[0]
        test.result = [_failure(report, grave)]
    elif not sum(counts) or (counts.healthy < sum(counts) and not (counts.defective and hidden)):
        reasons = dict.fromkeys(case.note for case in cases if case.note)
        reason = "; ".join(reasons) or "what was found did not come up again"
        test.result = [Error(visible(reason), first.verdict)]
    lines = [
        *(f"suppressed: {how_suppressed(item)}" for item in hidden),
        *(f"{f.code} {f.name}: {f.message}" for f in told),
    ]
    if lines:
        test.system_out = visible("\n".join(lines))
    return test


def _shows(finding: Finding, case: CaseResult) -> bool:
    return shows(finding, case.route, case.server, case.kind)


def _failure(report: Report, findings: Sequence[Finding]) -> Failure:
    heads = (f"{finding.code} {finding.name}: {finding.message}" for finding in findings)
    failure = Failure(visible("; ".join(heads)), ",".join(finding.code for finding in findings))
    told = ("\n".join(_told(report, finding)) for finding in findings)
    failure.text = visible("\n\n".join(told))
    return failure


def _told(report: Report, finding: Finding) -> Iterator[str]:
    yield f"{finding.code} {finding.name} ({finding.severity}, fault: {whose_fault(finding)})"
    yield finding.message
    if (where := finding.location) is not None:
        yield f"at {place_of(where)} in {where.function}: {where.snippet.strip()}"
    for evidence in finding.evidence:
        yield f"- {evidence}"
    yield f"replay: {replay_command(report, finding)}"

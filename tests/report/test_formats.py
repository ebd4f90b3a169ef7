"""The formats for other programs: each read back by what is made to read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft4Validator
from junitparser import Error, Failure, JUnitXml
from msgspec.structs import replace

from tests.report.samples import (
    DEFECTIVE,
    FINDING,
    FULL,
    HEALTHY,
    KINDS,
    NOTHING,
    SERVERS,
    case,
    variant,
    with_verdict,
)
from wsdoctor.diagnosis.finding import Location
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.report import github, gitlab, junit, markdown, ndjson, sarif

SARIF = Draft4Validator(
    json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0.json").read_text())
)

REPORTS = {
    "defective": [DEFECTIVE],
    "full": [FULL],
    "healthy": [HEALTHY],
    "nothing": [NOTHING],
    "interrupted": [replace(FULL, interrupted=True)],
    "variants": [variant(DEFECTIVE, "naive", "WSD201"), variant(HEALTHY, "fixed")],
    "none": [],
}


@pytest.mark.parametrize("reports", REPORTS.values(), ids=REPORTS)
def test_sarif_is_valid(reports):
    SARIF.validate(json.loads(sarif.render(reports, exit_code=1)))


def test_every_rule_can_be_told_in_sarif():
    findings = tuple(replace(FINDING, code=code, name=rule.name) for code, rule in RULES.items())
    document = json.loads(sarif.render([replace(DEFECTIVE, findings=findings)], exit_code=1))
    SARIF.validate(document)
    rules = document["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted(RULES)
    assert all(rule["helpUri"].startswith("https://") for rule in rules)
    assert all("wsdoctor explain" in rule["help"]["text"] for rule in rules)


def test_sarif_tells_what_and_where():
    run = json.loads(sarif.render([FULL], exit_code=1))["runs"][0]
    found, by_comment, by_baseline = run["results"]
    place = found["locations"][0]["physicalLocation"]
    assert found["ruleId"] == "WSD201"
    assert run["tool"]["driver"]["rules"][found["ruleIndex"]]["id"] == "WSD201"
    assert found["level"] == "error"
    assert found["partialFingerprints"] == {"wsdoctor/v1": FINDING.fingerprint}
    assert place["artifactLocation"] == {"uri": FINDING.location.file, "uriBaseId": "%SRCROOT%"}
    assert place["region"]["startLine"] == 41
    assert "suppressions" not in found
    assert by_comment["suppressions"][0] == {
        "kind": "inSource",
        "status": "accepted",
        "justification": "it drains on purpose",
    }
    assert by_baseline["suppressions"][0]["kind"] == "external"
    assert run["invocations"][0]["exitCode"] == 1
    assert run["invocations"][0]["executionSuccessful"]


def test_sarif_of_a_file_elsewhere_and_of_one_with_odd_characters():
    for file, uri in (
        ("/srv/a b/app.py", "file:///srv/a%20b/app.py"),
        ("a b/ü.py", "a%20b/%C3%BC.py"),
    ):
        finding = replace(FINDING, location=Location(file, 3, "f", ""))
        document = json.loads(sarif.render([replace(DEFECTIVE, findings=(finding,))], exit_code=1))
        SARIF.validate(document)
        result = document["runs"][0]["results"][0]
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert place["uri"] == uri
        assert ("uriBaseId" in place) is not file.startswith("/")


def test_what_could_not_be_decided_is_no_successful_execution():
    undecided = with_verdict("inconclusive", case(verdict="inconclusive", note="it never came"))
    invocation = json.loads(sarif.render([undecided], exit_code=5))["runs"][0]["invocations"][0]
    assert not invocation["executionSuccessful"]
    assert "it never came" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def _junit(*reports):
    return JUnitXml.fromstring(junit.render(reports))


def test_junit_has_a_case_for_each_route_server_and_kind():
    (suite,) = _junit(DEFECTIVE)
    assert {(test.classname, test.name) for test in suite} == {
        ("/ws", f"{kind} {server}") for kind in KINDS for server in SERVERS
    }
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (9, 9, 0, 0)
    for test in suite:
        (failure,) = test.result
        assert isinstance(failure, Failure)
        assert failure.type == "WSD201"
        assert FINDING.message in failure.message
        assert "wsdoctor replay" in failure.text


def test_junit_of_a_healthy_report_passes():
    (suite,) = _junit(HEALTHY)
    assert (suite.tests, suite.failures, suite.errors) == (9, 0, 0)
    assert suite.time == HEALTHY.duration_seconds


def test_what_could_not_be_decided_is_an_error_in_junit():
    reports = [
        with_verdict("inconclusive", case(verdict="inconclusive", note="no answer")),
        with_verdict("nothing-checked", case(verdict="nothing-checked", note="refused: 403")),
        # found, but not again on real sockets: the finding is a remark
        replace(
            with_verdict("inconclusive", case(verdict="defective", codes=("WSD201",))),
            findings=(replace(FINDING, severity="info"),),
        ),
    ]
    for report, words in zip(reports, ("no answer", "refused: 403", "come up again"), strict=True):
        (suite,) = _junit(report)
        (test,) = suite
        (error,) = test.result
        assert isinstance(error, Error)
        assert words in error.message


def test_what_is_suppressed_is_no_failure_in_junit():
    report = replace(FULL, findings=(), cases=(case(verdict="defective", codes=("WSD401",)),))
    (suite,) = _junit(report)
    assert (suite.failures, suite.errors) == (0, 0)
    (test,) = suite
    assert "suppressed" in test.system_out


def test_github_annotates_the_users_line():
    (line,) = github.render([DEFECTIVE]).decode().splitlines()
    head, _, message = line.removeprefix("::").partition("::")
    assert head == (f"error file={FINDING.location.file},line=41,title=WSD201 unhandled-disconnect")
    assert message.startswith(FINDING.message)


def test_github_takes_no_command_from_a_message():
    finding = replace(
        FINDING,
        message="100 %\r\n::set-output name=x::y",
        location=Location("a,b:c%.py", 1, "f", ""),
        severity="info",
    )
    (line,) = github.render([replace(DEFECTIVE, findings=(finding,))]).decode().splitlines()
    assert line.startswith("::notice file=a%2Cb%3Ac%25.py,line=1,title=")
    assert "100 %25%0A::set-output name=x::y%0A" in line


def test_github_tells_what_could_not_be_decided_and_what_is_not_as_declared():
    assert b"::warning title=wsdoctor%3A nothing checked::" in github.render([NOTHING])
    assert github.render([variant(DEFECTIVE, "naive", "WSD201")]) == b""
    odd = variant(DEFECTIVE, "naive", as_declared=False)
    assert github.render([odd]).startswith(b"::error title=")


def test_the_summary_of_a_job_is_no_longer_than_github_takes():
    many = replace(FULL, findings=(replace(FINDING, remedy="x " * 30_000),) * 40)
    summary = github.summary([many])
    assert len(summary) <= github.SUMMARY_LIMIT
    assert summary.endswith(b"the rest is in the other reports.\n")
    assert github.summary([FULL]) == markdown.render([FULL])


def test_gitlab():
    (issue,) = json.loads(gitlab.render([DEFECTIVE, DEFECTIVE]))
    assert issue["check_name"] == "WSD201"
    assert issue["severity"] == "major"
    assert issue["fingerprint"] == FINDING.fingerprint
    assert issue["location"] == {"path": FINDING.location.file, "lines": {"begin": 41}}
    assert json.loads(gitlab.render([HEALTHY])) == []


@pytest.mark.parametrize(
    "spec, path",
    [("naive.py:app", "naive.py"), ("pkg.web:app", "pkg/web.py"), ("pkg.web", "pkg/web.py")],
)
def test_a_finding_without_a_line_stands_in_the_targets_file(spec, path):
    report = replace(
        DEFECTIVE,
        target=replace(DEFECTIVE.target, spec=spec),
        findings=(replace(FINDING, location=None),),
    )
    (issue,) = json.loads(gitlab.render([report]))
    assert issue["location"] == {"path": path, "lines": {"begin": 1}}


def test_ndjson():
    lines = [json.loads(line) for line in ndjson.render([FULL]).splitlines()]
    kinds = [line["type"] for line in lines]
    assert kinds == ["header", *["case"] * 18, "finding", *["suppressed"] * 2, "note", "verdict"]
    assert lines[-1]["verdict"] == "defective"


@pytest.mark.parametrize("name", ["full", "healthy", "interrupted", "variants", "none"])
def test_markdown(name, snapshot):
    assert markdown.render(REPORTS[name]).decode() == snapshot


@pytest.mark.parametrize("name", ["full", "variants"])
def test_github_text(name, snapshot):
    assert github.render(REPORTS[name]).decode() == snapshot


def test_junit_text(snapshot):
    small = replace(DEFECTIVE, cases=DEFECTIVE.cases[:1])
    assert junit.render([small]).decode() == snapshot


def test_sarif_text(snapshot):
    document = json.loads(sarif.render([FULL], exit_code=1))
    for rule in document["runs"][0]["tool"]["driver"]["rules"]:
        rule["help"] = rule["fullDescription"] = rule["shortDescription"] = "the rule's own words"
    assert json.dumps(document, indent=2) == snapshot

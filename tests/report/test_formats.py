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
from wsdoctor.report.model import Excerpt

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
    (found,) = run["results"]
    place = found["locations"][0]["physicalLocation"]
    assert found["ruleId"] == "WSD201"
    assert run["tool"]["driver"]["rules"][found["ruleIndex"]]["id"] == "WSD201"
    assert found["level"] == "error"
    assert found["partialFingerprints"] == {"wsdoctor/v1": FINDING.fingerprint}
    assert place["artifactLocation"] == {"uri": FINDING.location.file, "uriBaseId": "%SRCROOT%"}
    assert place["region"]["startLine"] == 41
    by_comment, by_baseline = run["properties"]["suppressed"]
    assert (by_comment["by"], by_comment["reason"]) == ("comment", "it drains on purpose")
    assert by_baseline["by"] == "baseline"
    assert run["invocations"][0]["exitCode"] == 1
    assert run["invocations"][0]["executionSuccessful"]


def _required_by_github(document):
    """What "SARIF support for code scanning" marks as required, beyond the schema; "" is refused."""
    yield document["$schema"]
    for run in document["runs"]:
        driver = run["tool"]["driver"]
        yield driver["name"]
        for rule in driver["rules"]:
            yield from (rule["id"], rule["help"]["text"])
            for description in ("shortDescription", "fullDescription"):
                yield rule[description]["text"]
                assert len(rule[description]["text"]) <= 1024
            assert len(rule["name"]) <= 255
        for result in run["results"]:
            yield from (result["message"]["text"], result["partialFingerprints"])
            (location,) = result["locations"]
            place = location["physicalLocation"]
            region = place["region"]
            yield place["artifactLocation"]["uri"]
            yield from (
                region[name] for name in ("startLine", "startColumn", "endLine", "endColumn")
            )
            assert (region["startLine"], region["startColumn"]) < (
                region["endLine"],
                region["endColumn"],
            )
            assert "suppressions" not in result, "GitHub alerts of what is suppressed"
            # It is GitHub's own, and its upload-sarif warns of each that it has not computed itself.
            assert "primaryLocationLineHash" not in result["partialFingerprints"]


def test_sarif_has_what_github_asks_for():
    findings = tuple(replace(FINDING, code=code, name=rule.name) for code, rule in RULES.items())
    nowhere = tuple(
        replace(FINDING, location=None, handler=handler)
        for handler in (None, Location("app.py", 7, "ws", "async def ws(socket):"))
    )
    for report in (FULL, HEALTHY, replace(DEFECTIVE, findings=findings + nowhere)):
        document = json.loads(sarif.render([report], exit_code=1))
        SARIF.validate(document)
        assert all(_required_by_github(document))


def test_a_region_is_the_code_of_its_line():
    source = Excerpt("app.py", 40, ("async def ü():", "    await ü()  ", ""))
    finding = replace(FINDING, location=Location("app.py", 41, "ü", "await ü()"))
    for sources, columns in (((source,), (5, 14)), ((), (1, 10))):
        report = replace(DEFECTIVE, findings=(finding,), sources=sources)
        run = json.loads(sarif.render([report], exit_code=1))["runs"][0]
        region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
        assert (region["startColumn"], region["endColumn"]) == columns
        assert region["snippet"]["text"] == "await ü()"


def test_files_are_named_from_the_root_of_the_repository(tmp_path, monkeypatch):
    folder = tmp_path / "services" / "shop"
    folder.mkdir(parents=True)
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")  # as in a worktree
    monkeypatch.chdir(folder)
    finding = replace(FINDING, location=Location("app.py", 3, "f", ""))
    library = replace(finding, location=Location(str(tmp_path / "lib" / "a.py"), 3, "f", ""))
    report = replace(DEFECTIVE, findings=(finding, library))
    document = json.loads(sarif.render([report], exit_code=1))
    files = ["services/shop/app.py", "lib/a.py"]
    assert [
        result["locations"][0]["physicalLocation"]["artifactLocation"]
        for result in document["runs"][0]["results"]
    ] == [{"uri": file, "uriBaseId": "%SRCROOT%"} for file in files]
    assert [issue["location"]["path"] for issue in json.loads(gitlab.render([report]))] == files
    lines = github.render([report]).decode().splitlines()
    assert [line.partition("file=")[2].partition(",")[0] for line in lines] == files


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


def test_what_is_found_in_a_test_case_of_junit_is_one_failure_of_it():
    other = replace(FINDING, code="WSD301", name="orphan-task", message="a task is left")
    (suite,) = _junit(replace(DEFECTIVE, findings=(FINDING, other)))
    for test in suite:
        (failure,) = test.result
        assert failure.type == "WSD201,WSD301"
        assert FINDING.message in failure.message
        assert "WSD301 orphan-task: a task is left" in failure.message
        assert failure.text.count("wsdoctor replay") == 2
        assert test._elem.get("file") == FINDING.location.file


def test_test_cases_of_several_reports_differ_in_class_and_name():
    suites = _junit(variant(DEFECTIVE, "naive", "WSD201"), variant(HEALTHY, "fixed"))
    names = [(test.classname, test.name) for suite in suites for test in suite]
    assert len(names) == len(set(names)) == 18


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


def test_github_reads_back_what_was_written():
    """By the rules of the runner: it splits at ``::`` and ``,``, and then unescapes."""
    message = "a: 100%, b::c\r, %0A\nd ::error::e"
    file = "a,b:c%2C;].py"
    finding = replace(FINDING, message=message, location=Location(file, 1, "f", ""))
    (line,) = github.render([replace(DEFECTIVE, findings=(finding,))]).decode().splitlines()
    info, _, data = line.removeprefix("::").partition("::")
    command, _, pairs = info.partition(" ")
    properties = dict(pair.split("=", 1) for pair in pairs.split(","))

    def unescaped(text, *more):
        for escape, character in (("%0D", "\r"), ("%0A", "\n"), *more, ("%25", "%")):
            text = text.replace(escape, character)
        return text

    assert command == "error"
    assert unescaped(data).startswith(message)
    assert unescaped(properties["file"], ("%3A", ":"), ("%2C", ",")) == file


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


def test_gitlab_gets_the_fields_that_it_asks_for():
    """The members of its "Code Quality report format", and a fingerprint for each."""
    findings = [
        replace(FINDING, severity=severity, location=location)
        for severity in ("error", "warning", "info")
        for location in (FINDING.location, Location("b.py", 3, "f", ""), None)
    ]
    data = gitlab.render([replace(DEFECTIVE, findings=tuple(findings))])
    assert not data.startswith(b"\xef\xbb\xbf")
    issues = json.loads(data)
    assert len(issues) == 3, "told once for each place"
    assert len({issue["fingerprint"] for issue in issues}) == 3
    for issue in issues:
        assert {*issue} == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert not issue["location"]["path"].startswith("/")
        assert issue["location"]["lines"]["begin"] >= 1


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

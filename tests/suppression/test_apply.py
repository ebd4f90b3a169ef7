"""A report after suppression: its findings, its cases, its verdict, and its account of the rest."""

from __future__ import annotations

from dataclasses import replace as replace_fields

import pytest
from msgspec.structs import replace

from tests.report.samples import DEFECTIVE, FINDING, FINGERPRINT, SERVERS, case
from wsdoctor.diagnosis.finding import Finding, Location, Schedules
from wsdoctor.report.model import Coverage, MomentCoverage, Report, Suppressed
from wsdoctor.suppression.apply import Decisions, silence, updated_baseline
from wsdoctor.suppression.baseline import Baseline, BaselineError, Entry, read_baseline

WHOLE = Coverage(MomentCoverage(40, 40))
SWEEP = case(verdict="defective", codes=("WSD201",), moments=Schedules(healthy=3, defective=7))
OTHER = case(SERVERS[1], verdict="healthy", moments=Schedules(healthy=30))


def entry(fingerprint: str = FINGERPRINT, route: str = "/ws") -> Entry:
    return Entry(fingerprint=fingerprint, code="WSD201", route=route, file="app.py")


def report(*found: Finding, **changes: object) -> Report:
    findings = found or (replace(FINDING, location=None),)
    base = replace(DEFECTIVE, findings=findings, cases=(SWEEP, OTHER), coverage=WHOLE, notes=())
    return replace(base, **changes)


@pytest.mark.parametrize(
    "decisions, by",
    [
        (Decisions(ignore=frozenset({"WSD201"})), "ignore"),
        (Decisions(select=frozenset({"WSD301"})), "select"),
        (Decisions(route_ignore={"/ws": frozenset({"WSD201"})}), "ignore"),
        (Decisions(baseline=Baseline(findings=(entry(),))), "baseline"),
    ],
)
def test_what_is_suppressed_makes_no_case_defective(decisions, by):
    result = silence(report(), decisions)
    assert result.findings == ()
    assert [item.by for item in result.suppressed] == [by]
    assert result.verdict == "healthy"
    assert result.cases[0].verdict == "healthy"
    assert result.cases[0].moments == Schedules(healthy=10)


def test_another_finding_on_the_same_cases_keeps_them_defective():
    other = replace(FINDING, code="WSD501", fingerprint="2", location=None)
    result = silence(report(FINDING, other), Decisions(ignore=frozenset({"WSD201"})))
    assert [finding.code for finding in result.findings] == ["WSD501"]
    assert (result.verdict, result.cases[0].verdict) == ("defective", "defective")


def test_one_elsewhere_does_not():
    elsewhere = replace(FINDING, code="WSD501", fingerprint="2", location=None, route="/other")
    there = case(id="/other", route="/other", verdict="defective")
    result = silence(
        report(FINDING, elsewhere, cases=(SWEEP, there)), Decisions(ignore=frozenset({"WSD201"}))
    )
    assert [one.verdict for one in result.cases] == ["healthy", "defective"]
    assert result.verdict == "defective"


@pytest.mark.parametrize(
    "changes",
    [
        {"coverage": Coverage(MomentCoverage(39, 40))},
        {"interrupted": True},
        {"cases": (replace(SWEEP, moments=Schedules(defective=7, inconclusive=1)), OTHER)},
        {"cases": (replace(SWEEP, note="the 5 s that --max-time gives were over"), OTHER)},
    ],
)
def test_what_was_not_decided_is_no_pass_once_the_finding_is_gone(changes):
    result = silence(report(**changes), Decisions(ignore=frozenset({"WSD201"})))
    assert result.verdict == "inconclusive"


def test_a_second_defect_with_the_fingerprint_of_a_known_one_is_new():
    two = replace(FINDING, location=None), replace(FINDING, location=None)
    result = silence(report(*two), Decisions(baseline=Baseline(findings=(entry(),))))
    assert len(result.findings) == len(result.suppressed) == 1
    assert result.verdict == "defective"


def test_entries_that_did_not_come_up_are_said_if_everything_was_tried():
    baseline = Baseline(findings=(entry(), entry("gone"), entry("unchecked", "/other")))
    (note,) = silence(report(), Decisions(baseline=baseline, whole=True)).notes
    assert note.startswith("the baseline has 1 entry that did not come up any more (WSD201 /ws app")
    assert not silence(report(), Decisions(baseline=baseline)).notes


def test_a_new_baseline_keeps_the_routes_that_were_not_checked(tmp_path):
    path = tmp_path / "baseline.json"
    before = Baseline(findings=(entry("gone"), entry("unchecked", "/other")))
    decisions = updated_baseline(report(), Decisions(baseline=before), path)
    assert {item.fingerprint for item in read_baseline(path).findings} == {FINGERPRINT, "unchecked"}
    assert silence(report(), decisions).verdict == "healthy"


def test_what_is_suppressed_otherwise_is_not_written_into_a_baseline(tmp_path):
    path = tmp_path / "baseline.json"
    updated_baseline(report(), Decisions(ignore=frozenset({"WSD201"})), path)
    assert read_baseline(path).findings == ()


@pytest.mark.parametrize(
    "content, sentence",
    [
        (None, "there is no such file; --baseline-update writes one"),
        (b"{}[", "is no baseline of this version of wsdoctor"),
        (b'{"wsdoctor_baseline": 2}', "is no baseline of this version of wsdoctor"),
    ],
)
def test_a_baseline_that_cannot_be_used_is_said_in_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "baseline.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BaselineError, match=sentence):
        read_baseline(path)


def test_comments_on_the_line_and_on_the_handler_and_unused_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(
        "async def helper():\n"
        "    await task  # wsdoctor: ignore[WSD201] the line\n"
        "async def feed(socket):  # wsdoctor: ignore[WSD301] the handler\n"
        "    await helper()\n"
        "    await other()  # wsdoctor: ignore[WSD402]\n"
    )
    line = Location(file="app.py", line=2, function="helper", snippet="await task")
    handler = Location(file="app.py", line=3, function="feed", snippet="")
    first = replace(FINDING, location=line, handler=handler)
    second = replace(first, code="WSD301", fingerprint="2")
    result = silence(report(first, second), Decisions(whole=True))
    assert [(item.by, item.reason) for item in result.suppressed] == [
        ("comment", "the line"),
        ("comment", "the handler"),
    ]
    assert result.notes == (
        "app.py:5: # wsdoctor: ignore[WSD402] is not needed any more: nothing of that kind was found there",
    )


@pytest.mark.parametrize(
    "first, second, left",
    [
        (("suppressed",), ("suppressed",), 0),
        (("suppressed",), (), 0),
        (("suppressed",), ("findings",), 1),
        (("findings",), (), 1),
    ],
    ids=["by both", "by one alone", "and reported by another", "by none"],
)
def test_what_shards_suppressed_stays_so_unless_another_one_reports_it(first, second, left):
    there = {
        "findings": (FINDING,),
        "suppressed": (Suppressed(FINDING, "comment", "it is meant"),),
    }
    shards = tuple(
        report(**{"findings": (), "suppressed": (), **{name: there[name] for name in of}})
        for of in (first, second)
    )
    result = silence(report(FINDING), Decisions(shards=shards))
    assert len(result.findings) == left
    assert [(i.by, i.reason) for i in result.suppressed] == [("comment", "it is meant")][left:]


def test_what_shards_had_in_a_baseline_goes_into_the_new_one(tmp_path):
    shard = report(suppressed=(Suppressed(FINDING, "baseline"),), findings=())
    decisions = Decisions(shards=(shard,))
    assert silence(report(FINDING), decisions).findings == ()
    assert silence(report(FINDING), replace_fields(decisions, baseline=Baseline())).findings
    updated = updated_baseline(report(FINDING), decisions, tmp_path / "known.json")
    assert [item.fingerprint for item in read_baseline(tmp_path / "known.json").findings] == [
        FINGERPRINT
    ]
    assert silence(report(FINDING), updated).findings == ()

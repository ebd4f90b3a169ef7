"""Grouping loses nothing, excuses nothing and does not depend on the order of the cases: properties."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.diagnosis.story import SOURCE, frame
from wsdoctor.diagnosis.causes import Cause, arranged
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.finding import GRAVITY, CaseResult, Finding, Markers, Schedules, Severity
from wsdoctor.diagnosis.findings import _exhibit, findings
from wsdoctor.diagnosis.grouping import Group, condensed, effect_of, groups
from wsdoctor.diagnosis.rule import EFFECTS, Occurrence
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.plan.servers import SERVERS
from wsdoctor.recording.case import Case, Handshake
from wsdoctor.recording.recording import Recording

CODES = sorted(code for code in RULES if code not in {"WSD001", "WSD002", "WSD003", "WSD801"})
LINES = (2, 3, 5, 7, 9)
KINDS = ("close", "abort", "fin", "stall", "shutdown", "close+bystander")
EXCEPTIONS = st.frozensets(st.integers(1, 4), max_size=2)


@st.composite
def occurrences(draw: Any) -> Occurrence:
    fault = draw(st.sampled_from(["app", "app", "app", "framework", "server", "package"]))
    severity: Severity = "info"
    if fault == "app":
        severity = draw(st.sampled_from(["error", "warning", "info"]))
    line = draw(st.sampled_from((None, *LINES))) if fault == "app" else None
    return Occurrence(
        code=draw(st.sampled_from(CODES)),
        message="",
        place=None if line is None else frame(line),
        severity=severity,
        mark=draw(st.sampled_from(["no", "masked", "logged"])),
        index=draw(st.integers(0, 5)),
        fault=fault,
        explains=draw(EXCEPTIONS),
        blamed_on=draw(EXCEPTIONS),
        after_return=draw(st.booleans()),
        inside=frame(1, "lib", user=False) if fault == "package" else None,
    )


def case(number: int, server: str, kind: str, causes: tuple[Cause, ...]) -> Diagnosed:
    recording = Recording(
        case=Case("/ws", server, kind, f"send#{number}+1", Handshake("/ws")),
        clock="virtual",
        framework="litestar",
        events=(),
        sources={"app.py": SOURCE},
    )
    bad = any(cause.occurrence.severity != "info" for cause in causes)
    result = CaseResult(
        id=recording.case.id,
        route="/ws",
        server=server,
        kind=kind,
        moment=recording.case.moment,
        verdict="defective" if bad else "healthy",
        codes=(),
        markers=Markers(),
        close_code=1000,
        teardown_seconds=0.0,
        events=number,
    )
    return Diagnosed(recording=recording, result=result, causes=causes, acted=(number / 10, number))


@st.composite
def runs(draw: Any) -> list[Diagnosed]:
    shown = draw(st.lists(st.lists(occurrences(), max_size=4), min_size=1, max_size=12))
    return [
        case(
            number,
            draw(st.sampled_from(sorted(SERVERS))),
            draw(st.sampled_from(KINDS)),
            arranged(found),
        )
        for number, found in enumerate(shown)
    ]


def of_the_app(cause: Cause) -> bool:
    return cause.occurrence.fault == "app" and cause.occurrence.severity != "info"


# --- within one case


@given(st.lists(occurrences(), max_size=6))
def test_each_occurrence_of_a_case_is_a_cause_or_the_symptom_of_one(found: list[Occurrence]):
    causes = arranged(found)
    kept = [item for cause in causes for item in (cause.occurrence, *cause.symptoms)]
    assert Counter(map(repr, kept)) == Counter(map(repr, found))


@given(st.lists(occurrences(), max_size=6))
def test_no_remark_and_no_other_partys_fault_hides_one_of_the_applications(found: list[Occurrence]):
    for cause in arranged(found):
        for symptom in cause.symptoms:
            if symptom.fault == "app":
                assert cause.occurrence.fault == "app"
            if symptom.severity != "info":
                assert cause.occurrence.severity != "info"


# --- over many cases


@given(runs())
def test_each_cause_of_the_applications_is_in_one_finding_that_is_as_severe(run: list[Diagnosed]):
    found = paired(run)
    for case_ in run:
        for cause in filter(of_the_app, case_.causes):
            ((_, finding),) = (
                pair
                for pair in found
                if any(member.cause is cause for member in (*pair[0].members, *pair[0].remarks))
            )
            assert finding.fault == "app"
            assert GRAVITY[finding.severity] >= GRAVITY[cause.occurrence.severity]


@given(runs(), st.data())
def test_what_is_refuted_names_a_finding_only_if_nothing_else_of_it_can(
    run: list[Diagnosed], data: st.DataObject
):
    names = sorted({group.name for group in groups(run)})
    refuted = frozenset(data.draw(st.sets(st.sampled_from(names)))) if names else frozenset()
    for group in groups(run, refuted):
        if group.name in refuted:
            assert {member.cause.occurrence.code for member in group.members} == {group.code}
    every = [id(cause) for one_ in run for cause in one_.causes]
    kept = [
        id(member.cause)
        for group in groups(run, refuted)
        for member in (*group.members, *group.remarks)
    ]
    assert sorted(kept) == sorted(set(every) & set(kept))
    assert {id(c) for one_ in run for c in filter(of_the_app, one_.causes)} <= set(kept)


@given(runs())
def test_the_counts_of_a_finding_add_up(run: list[Diagnosed]):
    for group, finding in paired(run):
        failing = {member.case.result.id for member in group.members}
        assert finding.moments.failing == len(failing)
        assert sum(effect.cases for effect in finding.effects) == len(failing)
        assert finding.moments.checked == len(run)
        kinds = {member.case.result.kind for member in group.members}
        assert set(finding.disconnects) == kinds
        shown = {
            member.case.result.server
            for member in group.members
            for item in (member.cause.occurrence, *member.cause.symptoms)
            if item.mark != "no"
        }
        assert {server for server, mark in finding.servers.items() if mark != "no"} == shown


@given(runs())
def test_the_gravest_effect_names_a_finding_and_of_equals_the_more_frequent(run: list[Diagnosed]):
    for group, finding in paired(run):
        counts = Counter(
            (effect_of(member.cause.occurrence), member.cause.occurrence.code)
            for member in group.members
        )
        gravest = min(EFFECTS.index(effect) for effect, _ in counts)
        named = [effect for effect, code in counts if code == finding.code]
        assert gravest in map(EFFECTS.index, named)
        assert finding.effects[0].code in {
            code for effect, code in counts if EFFECTS.index(effect) == gravest
        }


@given(runs(), st.randoms())
def test_the_order_of_the_cases_does_not_matter(run: list[Diagnosed], chance: random.Random):
    shuffled = list(run)
    chance.shuffle(shuffled)
    assert told(findings(shuffled)) == told(findings(run))


@given(runs())
def test_a_finding_keeps_the_events_of_the_case_that_shows_it(run: list[Diagnosed]):
    kept = {id(one.recording) for one in condensed(run)}
    for exhibit in findings(condensed(run)):
        assert exhibit.recording.case.id == exhibit.finding.replay
    assert len(kept) == len(run)


def told(exhibits: Sequence[Any]) -> list[Finding]:
    return [exhibit.finding for exhibit in exhibits]


def paired(run: list[Diagnosed]) -> list[tuple[Group, Finding]]:
    """Each group with its finding."""
    servers = sorted({one.result.server for one in run})
    pairs = [(group, _exhibit(group, len(run), servers).finding) for group in groups(run)]
    assert sorted(map(repr, (finding for _, finding in pairs))) == sorted(
        map(repr, told(findings(run)))
    )
    return pairs


# --- examples of each rule of the grouping


def occurrence(code: str, line: int | None = 7, **more: Any) -> Occurrence:
    facts: dict[str, Any] = {"severity": "error", "mark": "logged", "index": 0, "message": code}
    place = None if line is None else frame(line)
    return Occurrence(code=code, place=place, **{**facts, **more})


def one(number: int, *found: Occurrence, server: str = "uvicorn:wsproto") -> Diagnosed:
    return case(number, server, "close", arranged(found))


def test_two_effects_on_one_line_have_their_numbers_the_gravest_first():
    run = [one(n, occurrence("WSD201")) for n in range(5)]
    run += [one(n, occurrence("WSD402")) for n in range(5, 7)]
    ((finding,),) = (told(findings(run)),)
    assert finding.code == "WSD402"
    assert [(item.code, item.cases) for item in finding.effects] == [("WSD402", 2), ("WSD201", 5)]
    assert finding.symptoms == ("WSD201",)
    assert finding.moments.failing == 7


def test_of_equal_effects_the_more_frequent_one_names_the_finding():
    run = [one(0, occurrence("WSD201")), *(one(n, occurrence("WSD501")) for n in (1, 2))]
    ((finding,),) = (told(findings(run)),)
    assert finding.code == "WSD501"


def test_a_client_that_comes_back_is_another_defect_than_an_exception_on_the_same_line():
    run = [one(n, occurrence("WSD201")) for n in range(5)]
    run += [one(5, occurrence("WSD406", severity="warning"))]
    first, second = told(findings(run))
    assert (first.code, first.moments.failing) == ("WSD201", 5)
    assert (second.code, second.moments.failing) == ("WSD406", 1)


def test_what_a_server_does_by_itself_is_a_finding_apart_on_its_own_cases():
    server = occurrence("WSD802", None, fault="server", severity="info", explains=frozenset({1}))
    users = occurrence("WSD103", blamed_on=frozenset({1}))
    run = [
        one(0, server, users, server="uvicorn:websockets"),
        *(one(n, occurrence("WSD103")) for n in (1, 2)),
    ]
    first, second = told(findings(run))
    assert (first.code, first.fault, first.moments.failing) == ("WSD103", "app", 3)
    assert (second.code, second.fault, second.moments.failing) == ("WSD802", "server", 1)
    assert second.symptoms == ()


def test_remarks_on_the_line_of_a_finding_are_not_counted_among_its_cases():
    lived = occurrence("WSD301", severity="info", mark="masked")
    run = [one(0, occurrence("WSD301")), one(1, lived, server="uvicorn:websockets")]
    ((finding,),) = (told(findings(run)),)
    assert finding.moments.failing == 1
    assert finding.servers == {"uvicorn:websockets": "no", "uvicorn:wsproto": "logged"}


def test_a_symptom_is_evidence_only_where_its_cause_is():
    cause = occurrence("WSD201", 7, explains=frozenset({1}))
    symptom = occurrence("WSD302", 3, blamed_on=frozenset({1}))
    run = [one(0, cause, symptom), one(1, occurrence("WSD302", 3))]
    found = {item.code: item for item in told(findings(run))}
    assert found["WSD201"].symptoms == ("WSD302",)
    assert found["WSD302"].moments.failing == 1


def test_a_sweep_counts_each_of_its_schedules_as_checked():
    run = [one(0, occurrence("WSD201"))]
    row = replace(run[0].result, moment="*", moments=Schedules(healthy=40, defective=1))
    ((finding,),) = (told(findings(run, [row])),)
    assert (finding.moments.failing, finding.moments.checked) == (1, 41)


@pytest.mark.parametrize("code", sorted(RULES))
def test_every_rule_says_what_it_does_in_a_clause(code):
    rule = RULES[code]
    assert rule.effect in EFFECTS
    assert rule.happens[0] not in ".,"
    assert not rule.happens.endswith(".")


@pytest.mark.parametrize("shown, count", [(True, 1), (False, 3)])
def test_what_the_smallest_correct_application_shows_too_is_one_remark(shown, count):
    """The user can do nothing about any of it, whichever party brings it about."""

    def remark(fault: Any) -> Occurrence:
        return occurrence(
            "WSD202", line=None, fault=fault, severity="info", shown_by_reference=shown
        )

    run = [
        one(1, remark("framework")),
        one(2, remark("server")),
        one(3, remark("server"), server="uvicorn:websockets"),
    ]
    exhibits = findings(run)
    assert len(exhibits) == count
    assert sum(item.finding.moments.failing for item in exhibits) == len(run)
    assert not any("outside" in text for item in exhibits for text in item.finding.evidence)

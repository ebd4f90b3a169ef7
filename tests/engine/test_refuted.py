"""A finding that its emitted test, or real sockets, refute is called by what else was seen at its line."""

from __future__ import annotations

import pytest

from tests.diagnosis.test_grouping import occurrence, one
from wsdoctor.diagnosis.findings import Exhibit
from wsdoctor.engine.confirm import exhibits
from wsdoctor.engine.results import Results
from wsdoctor.report.shard import Confirmation, Witnessed


def examined(*codes: str) -> Results:
    """One case for each code, all at the same line."""
    found = Results()
    part = found.begin("all", 0, route="/ws")
    part.diagnosed = [one(number, occurrence(code)) for number, code in enumerate(codes)]
    part.rows = [case.result for case in part.diagnosed]
    return found


def only(found: Results) -> Exhibit:
    (exhibit,) = exhibits(found)
    return exhibit


PASSED = Witnessed("passed", "its test passes")


def test_what_its_test_refutes_hides_nothing_of_what_the_other_cases_show():
    found = examined("WSD301", "WSD302", "WSD302")
    first = only(found).finding
    assert (first.code, first.moments.failing) == ("WSD301", 3)
    found.witnessed[first.fingerprint] = PASSED
    second = only(found).finding
    assert (second.code, second.severity, second.moments.failing) == ("WSD302", "error", 2)
    assert second.symptoms == ("WSD301",)


def test_so_does_what_is_not_there_on_real_sockets():
    found = examined("WSD301", "WSD302")
    shown = only(found)
    nothing = Confirmation(
        same_way=frozenset({"WSD301"}), real_sockets=frozenset(), difference="", other=None
    )
    found.again[shown.recording.case.id] = nothing
    assert only(found).finding.code == "WSD302"
    assert only(found).finding.severity == "error"


@pytest.mark.parametrize("codes", [("WSD301",), ("WSD301", "WSD302")])
def test_if_all_of_it_is_refuted_it_is_a_remark_that_says_so(codes):
    found = examined(*codes)
    for _ in codes:
        found.witnessed[only(found).finding.fingerprint] = PASSED
    finding = only(found).finding
    assert (finding.code, finding.severity) == ("WSD301", "info")
    assert any("inconclusive" in line for line in finding.evidence)

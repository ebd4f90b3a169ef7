"""The sweep: every moment of a connection's life, by name."""

from __future__ import annotations

import re

import pytest

from wsdoctor.engine.catalogue import find_variant
from wsdoctor.engine.variants import run_variant
from wsdoctor.options.check import Options
from wsdoctor.plan.moments import EVERY
from wsdoctor.recording.case import Case, Handshake, ReceiveStep
from wsdoctor.recording.events import CancelRequested, ObservationEnded
from wsdoctor.session.run import SessionTarget, run_case
from wsdoctor.target import TargetSpec, load

SANSIO = "uvicorn:websockets-sansio"


@pytest.fixture(scope="module")
def fixed():
    target = load(TargetSpec(f"{find_variant('fixed').path}:app"))
    return SessionTarget(
        target.build(), target.framework, target.user_code, target.routes[0].handler
    )


def case(moment, kind="close", server=SANSIO):
    return Case(
        route="/ws",
        server=server,
        kind=kind,
        moment=moment,
        handshake=Handshake(path="/ws"),
        script=(ReceiveStep(2),),
    )


def told(recording):
    """The events, without the addresses in reprs and the order in which anyio cancels."""
    seen = []
    for event in recording.events:
        if isinstance(event, ObservationEnded):
            break
        if not isinstance(event, CancelRequested):
            seen.append(re.sub(r"0x[0-9a-f]+|step=\d+, |preview='.*?'", "", repr(event)))
    return seen


def test_the_moments_of_a_life_are_named_by_what_came_last(fixed):
    names = [moment.name for moment in run_case(case(EVERY), fixed).moments]
    assert len(names) == len(set(names))
    anchors = list(dict.fromkeys(name.partition("+")[0] for name in names))
    assert anchors[0] == "connect"
    assert [a for a in anchors if a.startswith("send#")] == ["send#1", "send#2"]
    assert anchors.index("accept") < anchors.index("send#1") < anchors.index("send#2")
    assert anchors[-1] in {"return", "end"}


def test_a_moment_tells_where_the_users_code_was_suspended(fixed):
    moments = run_case(case(EVERY), fixed).moments
    suspended = {f.function for m in moments if m.name == "send#2+1" for f in m.suspended}
    assert suspended == {"stream", "lifespan"}


@pytest.mark.parametrize("network", ["memory", "loopback"])
def test_the_disconnect_comes_at_the_chosen_moment_on_either_network(fixed, network):
    recording = run_case(case("send#2+1", kind="abort"), fixed, network=network)
    assert [moment.name for moment in recording.moments] == ["send#2+1"]
    text = told(recording)
    act = next(i for i, line in enumerate(text) if "disconnects=True" in line)
    assert sum("message='websocket.send'" in line for line in text[:act]) == 2


def test_both_networks_tell_the_same(fixed):
    for moment in ("connect+1", "accept+1", "send#1+1", "send#2+2"):
        for kind in ("close", "abort", "fin"):
            swept = case(moment, kind)
            memory = run_case(swept, fixed, network="memory")
            loopback = run_case(swept, fixed, network="loopback")
            assert told(memory) == told(loopback), (moment, kind)


def test_a_schedule_repeats_exactly(fixed):
    first, *others = (told(run_case(case("send#2+1", kind="abort"), fixed)) for _ in range(50))
    assert all(other == first for other in others)


def test_a_moment_that_does_not_come_is_no_pass(fixed):
    recording = run_case(case("send#99+1"), fixed)
    assert any("send#99+1" in repr(event) for event in recording.events)


@pytest.mark.parametrize("variant", ["fixed", "docs-example-fixed", "task-group-fixed"])
def test_correct_variants_are_clean_at_every_moment(variant):
    options = Options(depth="full", kinds=("close", "abort", "fin", "shutdown"))
    report = run_variant(variant, options)
    assert report.verdict == "healthy"
    assert {row.moment for row in report.cases} == {EVERY}
    assert report.coverage.moments.covered == report.coverage.moments.total > 100
    assert all(point.covered for point in report.coverage.awaits)


def test_a_sweep_counts_where_it_fails_and_says_where_the_code_was():
    report = run_variant("naive", Options(depth="full", kinds=("close",), servers=(SANSIO,)))
    (finding,) = [f for f in report.findings if f.severity != "info"]
    (row,) = report.cases
    assert row.moments is not None
    assert finding.moments.checked == row.moments.total
    assert finding.moments.failing <= row.moments.defective
    assert finding.moments.earliest == "connect+1"


def test_a_moment_of_a_sweep_can_be_run_by_its_name():
    options = Options(moments=("send#2+1",), kinds=("close",), servers=(SANSIO,))
    report = run_variant("naive", options)
    (finding,) = report.findings
    assert [row.id for row in report.cases] == [f"/ws close@send#2+1 {SANSIO}"]
    assert re.search(r"while `\w+` was suspended at naive\.py:\d+", finding.moments.earliest)

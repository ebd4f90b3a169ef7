"""Which cases of a bench run in a new copy of the application."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import DISCONNECT, Story, error, frame
from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.engine import copies as module
from wsdoctor.engine.copies import CopyRunner
from wsdoctor.engine.sweep import _lived
from wsdoctor.plan.moments import EVERY
from wsdoctor.recording import events as e
from wsdoctor.recording.case import Case
from wsdoctor.report.shard import CellResult

SPOTLESS = Story().opened().client_leaves().received("websocket.disconnect").returned()
ESCAPES = (
    Story()
    .opened()
    .client_leaves()
    .received("websocket.disconnect")
    .returned(error(1, DISCONNECT, frame(5)))
)
SENDS = (
    Story()
    .opened()
    .client_leaves()
    .received("websocket.disconnect")
    .sent("websocket.send", told=True)
    .returned()
)
HANGS = Story().opened().client_leaves().received("websocket.disconnect")
LEAVES_A_TASK = (
    Story()
    .opened()
    .started()
    .client_leaves()
    .received("websocket.disconnect")
    .returned()
    .sampled("returned", e.TaskStack(task=2, stack=(frame(12, "stream"),)))
    .add(e.TaskEnded, 2.0, task=2, outcome="returned")
)
NOT_STARTED = Story().add(e.ServerPhase, phase="startup-failed")


class Copies:
    """A runner whose cases come out as ``used`` in a used copy, and as ``new`` in a new one.

    ``tidy``: the application is as it was before. ``used`` may be one for each case in turn.
    """

    def __init__(self, new: Story, *used: Story, tidy: bool = False) -> None:
        self._new, *self._used = (
            diagnose(replace(story.recording(), as_before=tidy)) for story in (new, *used)
        )
        self.case = self._new.recording.case
        self.fresh: list[bool] = []

    def run(self, case: Case, *, fresh: bool, **_: object) -> Diagnosed:
        again = self.fresh.count(False)
        self.fresh.append(fresh)
        diagnosed = self._new if fresh else self._used[again % len(self._used)]
        return replace(diagnosed, recording=replace(diagnosed.recording, case=case))


def shown(copies: Copies, cases: int) -> list[tuple[str, ...]]:
    bench = CopyRunner(copies)  # type: ignore[arg-type]  # nothing else of a runner is asked for
    return [bench.diagnose(copies.case).result.codes for _ in range(cases)]


def test_a_copy_serves_while_nothing_is_wrong_and_for_a_limited_number_of_cases(monkeypatch):
    monkeypatch.setattr(module, "_STRETCH", 3)
    copies = Copies(SPOTLESS, SPOTLESS)
    assert shown(copies, 5) == [()] * 5
    assert copies.fresh == [True, False, False, True, False]


def test_what_is_wrong_counts_in_a_new_copy_and_no_case_follows_it(monkeypatch):
    copies = Copies(ESCAPES, ESCAPES)
    assert len(set(shown(copies, 3))) == 1
    assert copies.fresh == [True, True, True]
    copies = Copies(SPOTLESS, ESCAPES)
    assert shown(copies, 3) == [()] * 3
    assert copies.fresh == [True, False, True, False, True]


@pytest.mark.parametrize("wrong", [ESCAPES, HANGS, LEAVES_A_TASK])
def test_what_was_wrong_in_a_new_copy_and_leaves_nothing_is_believed_of_a_used_one(wrong):
    copies = Copies(wrong, wrong, tidy=True)
    assert len(set(shown(copies, 3))) == 1
    assert copies.fresh == [True, False, False]


def test_what_else_is_wrong_counts_in_a_new_copy_first():
    copies = Copies(ESCAPES, ESCAPES, SENDS, tidy=True)
    assert len(set(shown(copies, 3))) == 1
    assert copies.fresh == [True, False, False, True]


def test_what_is_healthy_counts_in_a_copy_that_has_met_nothing_wrong():
    copies = Copies(ESCAPES, SPOTLESS, tidy=True)
    assert len(set(shown(copies, 3))) == 1
    assert copies.fresh == [True, False, True, False, True]


def test_what_is_wrong_on_another_server_is_something_else():
    copies = Copies(ESCAPES, ESCAPES, tidy=True)
    bench = CopyRunner(copies)  # type: ignore[arg-type]  # as above
    bench.diagnose(copies.case)
    copies._used = [
        replace(item, result=replace(item.result, server="uvicorn:wsproto"))
        for item in copies._used
    ]
    bench.diagnose(copies.case)
    assert copies.fresh == [True, False, True]


def test_nothing_is_known_of_what_was_before_it_began():
    copies = Copies(ESCAPES, ESCAPES, tidy=True)
    bench = CopyRunner(copies)  # type: ignore[arg-type]  # as above
    for _ in range(2):
        bench.begin()
        bench.diagnose(copies.case)
    assert copies.fresh == [True, True]


def test_a_copy_goes_on_with_another_kind_of_disconnect_if_nothing_has_changed():
    for tidy in (True, False):
        copies = Copies(SPOTLESS, SPOTLESS, tidy=tidy)
        bench = CopyRunner(copies)  # type: ignore[arg-type]  # as above
        bench.diagnose(copies.case)
        bench.renew_if_changed()
        bench.diagnose(copies.case)
        assert copies.fresh == [True, not tidy]


def test_a_life_that_is_known_is_not_lived_again_and_needs_no_copy_of_its_own():
    copies = Copies(SPOTLESS, SPOTLESS)
    bench = CopyRunner(copies)  # type: ignore[arg-type]  # as above
    part = CellResult(id="/ws", order=0, route="/ws", planned=0)
    for kind in ("abort", "eof"):
        _lived(replace(copies.case, kind=kind, moment=EVERY), bench, part)
        bench.diagnose(copies.case)
    assert copies.fresh == [True, False, False]
    _lived(replace(copies.case, kind="stall", moment=EVERY), bench, part)
    assert copies.fresh == [True, False, False, True]


def test_an_application_that_starts_once_has_a_copy_for_each_case_and_is_not_accused():
    copies = Copies(SPOTLESS, NOT_STARTED)
    assert shown(copies, 4) == [()] * 4
    assert copies.fresh == [True, False, True, True, True]


def test_an_application_that_never_starts_is_accused():
    assert shown(Copies(NOT_STARTED, NOT_STARTED), 2) == [("WSD001",)] * 2

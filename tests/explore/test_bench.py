"""Which cases of a bench run in a new copy of the application."""

from __future__ import annotations

from msgspec.structs import replace

from tests.diagnosis.story import DISCONNECT, Story, error, frame
from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.diagnosis.finding import CaseResult
from wsdoctor.explore import bench as module
from wsdoctor.explore.bench import Bench
from wsdoctor.explore.crew import Unit, work
from wsdoctor.explore.examination import Examination
from wsdoctor.explore.limits import Limits
from wsdoctor.recording import events as e
from wsdoctor.recording.case import Case

SPOTLESS = Story().opened().client_leaves().received("websocket.disconnect").returned()
ESCAPES = (
    Story()
    .opened()
    .client_leaves()
    .received("websocket.disconnect")
    .returned(error(1, DISCONNECT, frame(5)))
)
NOT_STARTED = Story().add(e.ServerPhase, phase="startup-failed")


class Copies:
    """A runner whose cases come out as ``used`` in a used copy, and as ``new`` in a new one."""

    def __init__(self, new: Story, used: Story) -> None:
        self._new, self._used = diagnose(new.recording()), diagnose(used.recording())
        self.case = self._new.recording.case
        self.fresh: list[bool] = []

    def run(self, case: Case, *, fresh: bool, **_: object) -> Diagnosed:
        self.fresh.append(fresh)
        diagnosed = self._new if fresh else self._used
        return replace(diagnosed, recording=replace(diagnosed.recording, case=case))


def shown(copies: Copies, cases: int) -> list[tuple[str, ...]]:
    bench = Bench(copies)  # type: ignore[arg-type]  # nothing else of a runner is asked for
    return [bench.diagnose(copies.case).result.codes for _ in range(cases)]


def test_a_copy_serves_while_nothing_is_wrong_and_for_so_many_cases(monkeypatch):
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


class Quiet:
    """A Progress that tells nobody."""

    def planned(self, total: int) -> None:
        pass

    def case_done(self, result: CaseResult) -> None:
        pass


def test_who_comes_after_others_comes_to_a_new_copy_and_a_second_conversation_does_not():
    copies = Copies(SPOTLESS, SPOTLESS)
    moments = ("idle", "mid-send", "message:idle", "late:idle", "third:idle", "again:quiet")
    unit = Unit(0, tuple(replace(copies.case, moment=moment) for moment in moments))
    work([unit], [copies], Examination(), Limits(), Quiet())  # type: ignore[list-item]  # as above
    assert copies.fresh == [True, False, False, True, True, True]


def test_an_application_that_starts_once_has_a_copy_for_each_case_and_is_not_accused():
    copies = Copies(SPOTLESS, NOT_STARTED)
    assert shown(copies, 4) == [()] * 4
    assert copies.fresh == [True, False, True, True, True]


def test_an_application_that_never_starts_is_accused():
    assert shown(Copies(NOT_STARTED, NOT_STARTED), 2) == [("WSD001",)] * 2

"""What a check needs from its surroundings: a runner of cases, and a display of its progress."""

from __future__ import annotations

from typing import Literal, Protocol

from wsdoctor.diagnosis.comparable import Shown
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.finding import CaseResult
from wsdoctor.recording.case import Case


class Progress(Protocol):
    """Told how far a run is."""

    def planned(self, total: int) -> None:
        """``total`` more cases are going to be run, or fewer if it is negative."""

    def case_done(self, result: CaseResult) -> None:
        """One of them is done."""


class Runner(Protocol):
    """Runs and diagnoses cases, in this process or in another."""

    def run(
        self,
        case: Case,
        *,
        fresh: bool,
        network: Literal["memory", "loopback"] = "memory",
        keep: bool = True,
        trace: bool = False,
    ) -> Diagnosed:
        """The diagnosis of ``case``.

        ``fresh``: on an application that has not served a client yet. ``keep`` the events of the
        Recording even if it shows no defect. ``trace``: also note the user's lines that run.
        Raises OutOfTimeError.
        """

    def compare(self, form: str, server: str, kind: str) -> frozenset[Shown]:
        """What the smallest correct application of ``form`` shows at that kind of disconnect."""

    def close(self) -> None:
        """End what runs; called from another thread, and then ``run`` may raise anything."""


class NoProgress:
    """A Progress without output."""

    def planned(self, total: int) -> None:
        pass

    def case_done(self, result: CaseResult) -> None:
        pass

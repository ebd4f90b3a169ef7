"""The bench: cases run one after the other in copies of the application that are as good as new."""

from __future__ import annotations

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.explore.options import Runner
from wsdoctor.recording.case import Case

_STRETCH = 100
"""Cases that run in one copy: what each of them leaves in its memory goes with it."""

_NOT_STARTED = "WSD001"


class Bench:
    """Runs and diagnoses cases.

    A new copy of an application costs more than a case. So a copy serves until a case leaves it less
    than spotless; and what is less than spotless counts only in a new copy: an event loop that is
    gone, or a connection that another case left behind, is not its fault. Nor is it the application's
    that it cannot be started twice in one process: each case then has a copy of its own.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._run = 0
        self._starts_once = False
        self.lives: dict[Case, Diagnosed] = {}
        """Whole lives of connections that other cases may go by."""

    def renew(self) -> None:
        """Run the next case in a new copy: what comes then does not depend on what was before."""
        self._run = 0

    def diagnose(self, case: Case, *, keep: bool = False, trace: bool = False) -> Diagnosed:
        """The diagnosis of ``case``; ``keep`` the events of its Recording even if it is spotless.

        ``trace``: also note the user's lines that run.
        """
        diagnosed = self._runner.run(case, fresh=not self._run, keep=keep, trace=trace)
        if self._run and not diagnosed.spotless:
            used, diagnosed = diagnosed, self._runner.run(case, fresh=True, keep=keep, trace=trace)
            self._run = 0
            self._starts_once |= _starts(diagnosed) and not _starts(used)
        reusable = diagnosed.spotless and not self._starts_once
        self._run = (self._run + 1) % _STRETCH if reusable else 0
        return diagnosed


def _starts(diagnosed: Diagnosed) -> bool:
    return _NOT_STARTED not in diagnosed.result.codes

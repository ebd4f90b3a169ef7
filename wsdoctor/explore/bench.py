"""The bench: cases run one after the other on imports of the application that are as good as new."""

from __future__ import annotations

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.explore.options import Runner
from wsdoctor.recording.case import Case


class Bench:
    """Runs and diagnoses cases.

    To import an application anew costs more than to run a case on it. So an import serves until a
    case leaves it less than spotless; and what is less than spotless counts only on a new import:
    an event loop that is gone, or a connection that another case left behind, is not its fault.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._used = False

    def renew(self) -> None:
        """Run the next case on a new import: what comes then does not depend on what was before."""
        self._used = False

    def diagnose(self, case: Case, *, keep: bool = False) -> Diagnosed:
        """The diagnosis of ``case``; ``keep`` the events of its Recording even if it is spotless."""
        diagnosed = self._runner.run(case, fresh=not self._used, keep=keep)
        if self._used and not diagnosed.spotless:
            diagnosed = self._runner.run(case, fresh=True, keep=keep)
        self._used = diagnosed.spotless
        return diagnosed

"""What an examination has found out so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.finding import CaseResult
from wsdoctor.recording.events import StackFrame


@dataclass(slots=True)
class Examination:
    """It grows while the cases run, so an interrupt loses nothing.

    ``rows`` are the results to report, one for each case, or for each sweep. ``reached`` are the
    user's lines that were suspended at some moment of a sweep, ``covered`` those at which a
    disconnect came. ``planned`` and ``run`` count cases. ``confirmed`` says, by fingerprint,
    whether a finding came up again on real sockets.
    """

    diagnosed: list[Diagnosed] = field(default_factory=list)
    rows: list[CaseResult] = field(default_factory=list)
    planned: int = 0
    run: int = 0
    notes: list[str] = field(default_factory=list)
    reached: dict[StackFrame, None] = field(default_factory=dict)
    covered: set[StackFrame] = field(default_factory=set)
    confirmed: dict[str, bool] = field(default_factory=dict)

    def add(self, diagnosed: Diagnosed) -> None:
        """A case that stands for itself."""
        self.diagnosed.append(diagnosed)
        self.rows.append(diagnosed.result)
        self.run += 1

"""The bench: cases run one after the other in copies of the application that are as good as new."""

from __future__ import annotations

from collections.abc import Hashable

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.engine.runner import Runner
from wsdoctor.recording.case import Case

_STRETCH = 100
"""Cases that run in one copy: what each of them leaves in its memory goes with it."""


class CopyRunner:
    """Runs and diagnoses cases.

    A new copy of an application costs more than a case. So a copy serves until a case leaves something
    behind. A defect counts only in a new copy: a used one may fail because its event loop is gone, or
    because another case left a connection behind. But a defect that a new copy has shown, without leaving
    anything behind, also counts in a used copy. A healthy case counts in a copy that has shown no defect.

    An application that cannot be started twice in one process is not at fault either: each case then
    gets a copy of its own.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._run = 0
        """Cases that the copy has run."""
        self._changed = False
        """Whether something of the application's was not as before when one of them was over."""
        self._met = False
        """Whether something was wrong in one of them."""
        self._known: set[Hashable] = set()
        """Defects that new copies have shown since ``begin()``."""
        self._starts_once = False
        self.lives: dict[Case, Diagnosed] = {}
        """Whole lives of connections that other cases may go by."""

    def begin(self) -> None:
        """Run the next cases as if they were the first: what they show does not depend on what was before."""
        self.renew()
        self._known.clear()

    def renew(self) -> None:
        """Run the next case in a new copy."""
        self._run = 0

    def renew_if_changed(self) -> None:
        """Renew, unless the copy is as good as new as far as that is looked at."""
        if self._changed:
            self.renew()

    def diagnose(self, case: Case, *, keep: bool = False, trace: bool = False) -> Diagnosed:
        """The diagnosis of ``case``; ``keep`` the events of its Recording even if it is spotless.

        ``trace``: also note the user's lines that run.
        """
        diagnosed = self._runner.run(case, fresh=not self._run, keep=keep, trace=trace)
        if self._run and not self._counts(diagnosed):
            used, diagnosed = diagnosed, self._runner.run(case, fresh=True, keep=keep, trace=trace)
            self._run = 0
            self._starts_once |= _starts(diagnosed) and not _starts(used)
        if not self._run:
            self._met = self._changed = False
            self._known.add(_what_is_wrong(diagnosed))
        self._met |= not diagnosed.spotless
        self._changed |= not diagnosed.recording.as_before
        reusable = (diagnosed.spotless or diagnosed.tidy) and not self._starts_once
        self._run = (self._run + 1) % _STRETCH if reusable else 0
        return diagnosed

    def _counts(self, diagnosed: Diagnosed) -> bool:
        """Whether it is as good as one of a new copy."""
        if diagnosed.spotless:
            return not self._met
        return diagnosed.tidy and _what_is_wrong(diagnosed) in self._known


def _starts(diagnosed: Diagnosed) -> bool:
    return all(RULES[code].stops_at != "start" for code in diagnosed.result.codes)


def _what_is_wrong(diagnosed: Diagnosed) -> Hashable:
    """What a finding says of it; on one route and server."""
    result = diagnosed.result
    told = tuple(
        (item.code, item.place, item.severity, item.fault, item.message)
        for cause in diagnosed.causes
        for item in (cause.occurrence, *cause.symptoms)
    )
    return (
        (result.route, result.server),
        (result.verdict, result.markers, result.close_code),
        told,
    )

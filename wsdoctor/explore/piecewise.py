"""A check in pieces: one route, server and kind of disconnect at a time, as a test runner asks for them.

The pieces together report the same as one ``check``. A piece that is healthy on every server needs
nothing else. The findings of another piece depend on the rest of its route: which of two codes on a
line names a cause, whether a line is only a symptom, and whether the best case shows the finding again.
So the whole route then runs once, and the result of each of its pieces comes from that run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from wsdoctor.diagnosis.divergence import divergences
from wsdoctor.explore.checkup import Checkup, openings
from wsdoctor.explore.choice import kinds_run
from wsdoctor.explore.conclude import conclude
from wsdoctor.explore.crew import Unit
from wsdoctor.explore.examination import Examination
from wsdoctor.explore.examine import finish, look, run_units
from wsdoctor.explore.limits import Limits
from wsdoctor.explore.options import NoProgress
from wsdoctor.explore.survey import Looked, Opening
from wsdoctor.report.model import Report
from wsdoctor.target import TargetError


class Piece(NamedTuple):
    """The cases of one route, server and kind."""

    route: str
    server: str
    kind: str


@dataclass(slots=True)
class _Visit:
    """How far one route is."""

    opening: Opening
    found: Examination
    surveyed: Looked | None = None
    whole: Report | None = None
    refused: TargetError | None = None
    began: float = field(default_factory=time.monotonic)


class Piecewise:
    """Runs the pieces of a Checkup, in whatever order, and each that is wanted for another one too.

    ``remarks``: remarks are of interest, too, not only what is wrong.
    """

    def __init__(self, checkup: Checkup, *, remarks: bool = False) -> None:
        self._checkup = checkup
        self._remarks = remarks
        self._limits: Limits | None = None
        self._visits: dict[str, _Visit] = {}
        self._refused: TargetError | None = None

    def pieces(self, routes: Sequence[str]) -> tuple[Piece, ...]:
        """Those of ``routes``; beside each other those that are compared with each other."""
        choice, options = self._checkup.choice, self._checkup.options
        return tuple(
            Piece(route, server, kind)
            for route in routes
            for kind in kinds_run(choice, options)
            for server in choice.servers
        )

    def report(self, piece: Piece) -> Report:
        """The Report on the route of ``piece``, as much of it as ``piece`` depends on.

        Raises TargetError if the target or the driver cannot be loaded, or the driver raises.
        """
        if self._limits is None:
            self._limits = Limits(self._checkup.options.max_time)  # from the first case on
        visit = self._visit(piece.route)
        if visit.refused is not None:
            raise visit.refused  # it would be the same again
        if visit.whole is not None:
            return visit.whole
        try:
            return self._look(visit, piece.kind, self._limits)
        except TargetError as error:
            visit.refused = error
            raise
        except BaseException:
            # By a time-out of the test runner's, say, in the middle of a case.
            del self._visits[piece.route]
            self._limits.begin_anew()
            self._checkup.restart()
            raise

    def _visit(self, route: str) -> _Visit:
        if self._refused is not None:
            raise self._refused
        if route not in self._visits:
            try:
                loaded = self._checkup.load()
            except TargetError as error:
                self._refused = error
                raise
            known = openings(loaded, self._checkup.options)
            opening = next(opening for opening in known if opening.route == route)
            self._visits[route] = _Visit(opening, Examination())
        return self._visits[route]

    def _look(self, visit: _Visit, kind: str, limits: Limits) -> Report:
        checkup, found = self._checkup, visit.found
        checkup.crew.end_at(limits.deadline)
        if visit.surveyed is None:
            visit.surveyed = look(
                visit.opening,
                checkup.choice,
                checkup.options,
                runner=checkup.crew.runners(1)[0],
                found=found,
                order=0,
                limits=limits,
            )
        units = visit.surveyed.units
        group = [unit for unit in units if unit.cases[0].kind == kind]
        self._run(group, found, limits)
        alone = Examination(
            notes=list(found.notes),
            parts={unit.id: found.parts[unit.id] for unit in group},
        )
        if group and not visit.surveyed.broken and not self._depends(alone):
            return self._concluded(alone, visit)
        self._run(units, found, limits)
        finish(
            [visit.surveyed],
            checkup.options,
            runner=checkup.crew.runners(1)[0],
            found=found,
            order=len(units) or 1,
            target=checkup.info,
            limits=limits,
        )
        visit.whole = self._concluded(found, visit)
        # The Report is all that is asked for from now on.
        visit.found = Examination()
        return visit.whole

    def _run(self, units: Sequence[Unit], found: Examination, limits: Limits) -> None:
        run_units(
            [unit for unit in units if unit.id not in found.parts],
            self._checkup.options,
            crew=self._checkup.crew,
            found=found,
            limits=limits,
            progress=NoProgress(),
        )

    def _depends(self, group: Examination) -> bool:
        """Whether what ``group`` shows is to be looked at together with all other cases."""
        return (
            any(part.unfinished for part in group)
            or any(row.verdict != "healthy" for row in group.rows)
            or any(True for _ in divergences(group.endings, ()))
            or (self._remarks and any(case.causes for case in group.diagnosed))
        )

    def _concluded(self, found: Examination, visit: _Visit) -> Report:
        found.notes.extend(self._checkup.crew.notes)
        return conclude(
            found,
            target=self._checkup.info,
            command="",
            began=visit.began,
            options=self._checkup.options,
        )

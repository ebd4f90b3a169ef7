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
from wsdoctor.engine.build_report import build_report
from wsdoctor.engine.check import CheckRun, route_targets
from wsdoctor.engine.limits import Limits
from wsdoctor.engine.planning import RoutePlan, RouteTarget
from wsdoctor.engine.results import Results
from wsdoctor.engine.runner import NoProgress
from wsdoctor.engine.scheduler import CellPlan
from wsdoctor.engine.selection import kinds_run
from wsdoctor.engine.steps import finish, look, run_units
from wsdoctor.report.model import Report
from wsdoctor.target import TargetError


class Cell(NamedTuple):
    """The cases of one route, server and kind."""

    route: str
    server: str
    kind: str


@dataclass(slots=True)
class _Visit:
    """How far one route is."""

    route_target: RouteTarget
    found: Results
    surveyed: RoutePlan | None = None
    whole: Report | None = None
    refused: TargetError | None = None
    began: float = field(default_factory=time.monotonic)


class IncrementalCheck:
    """Runs the pieces of a Checkup, in whatever order, and each that is wanted for another one too.

    ``remarks``: remarks are of interest, too, not only what is wrong.
    """

    def __init__(self, check_run: CheckRun, *, remarks: bool = False) -> None:
        self._check_run = check_run
        self._remarks = remarks
        self._limits: Limits | None = None
        self._visits: dict[str, _Visit] = {}
        self._refused: TargetError | None = None

    def pieces(self, routes: Sequence[str]) -> tuple[Cell, ...]:
        """Those of ``routes``; beside each other those that are compared with each other."""
        selection, options = self._check_run.selection, self._check_run.options
        return tuple(
            Cell(route, server, kind)
            for route in routes
            for kind in kinds_run(selection, options)
            for server in selection.servers
        )

    def report(self, piece: Cell) -> Report:
        """The Report on the route of ``piece``, as much of it as ``piece`` depends on.

        Raises TargetError if the target or the driver cannot be loaded, or the driver raises.
        """
        if self._limits is None:
            self._limits = Limits(self._check_run.options.max_time)  # from the first case on
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
            self._check_run.restart()
            raise

    def _visit(self, route: str) -> _Visit:
        if self._refused is not None:
            raise self._refused
        if route not in self._visits:
            try:
                loaded = self._check_run.load()
            except TargetError as error:
                self._refused = error
                raise
            known = route_targets(loaded, self._check_run.options)
            route_target = next(
                route_target for route_target in known if route_target.route == route
            )
            self._visits[route] = _Visit(route_target, Results())
        return self._visits[route]

    def _look(self, visit: _Visit, kind: str, limits: Limits) -> Report:
        check_run, found = self._check_run, visit.found
        check_run.pool.end_at(limits.deadline)
        if visit.surveyed is None:
            visit.surveyed = look(
                visit.route_target,
                check_run.selection,
                check_run.options,
                runner=check_run.pool.runners(1)[0],
                found=found,
                order=0,
                limits=limits,
            )
        units = visit.surveyed.units
        group = [unit for unit in units if unit.cases[0].kind == kind]
        self._run(group, found, limits)
        alone = Results(
            notes=list(found.notes),
            parts={unit.id: found.parts[unit.id] for unit in group},
        )
        if group and not visit.surveyed.broken and not self._depends(alone):
            return self._concluded(alone, visit)
        self._run(units, found, limits)
        finish(
            [visit.surveyed],
            check_run.options,
            runner=check_run.pool.runners(1)[0],
            found=found,
            order=len(units) or 1,
            target=check_run.info,
            limits=limits,
        )
        visit.whole = self._concluded(found, visit)
        # The Report is all that is asked for from now on.
        visit.found = Results()
        return visit.whole

    def _run(self, units: Sequence[CellPlan], found: Results, limits: Limits) -> None:
        run_units(
            [unit for unit in units if unit.id not in found.parts],
            self._check_run.options,
            pool=self._check_run.pool,
            found=found,
            limits=limits,
            progress=NoProgress(),
        )

    def _depends(self, group: Results) -> bool:
        """Whether what ``group`` shows is to be looked at together with all other cases."""
        return (
            any(part.unfinished for part in group)
            or any(row.verdict != "healthy" for row in group.rows)
            or any(True for _ in divergences(group.endings, ()))
            or (self._remarks and any(case.causes for case in group.diagnosed))
        )

    def _concluded(self, found: Results, visit: _Visit) -> Report:
        found.notes.extend(self._check_run.pool.notes)
        return build_report(
            found,
            target=self._check_run.info,
            command="",
            began=visit.began,
            options=self._check_run.options,
        )

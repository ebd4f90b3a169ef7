"""Examine routes: survey what each handler does by itself, plan the cases, run them, confirm."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.engine.confirm import confirm
from wsdoctor.engine.counterparts import on_another_server
from wsdoctor.engine.limits import Limits
from wsdoctor.engine.planning import RoutePlan, RouteTarget, survey
from wsdoctor.engine.reference import settle
from wsdoctor.engine.results import Results
from wsdoctor.engine.runner import Progress, Runner
from wsdoctor.engine.scheduler import CellPlan, RunnerPool, work
from wsdoctor.engine.selection import Selection
from wsdoctor.engine.witness import call_witnesses
from wsdoctor.options.check import AUTO, Options
from wsdoctor.report.model import TargetInfo
from wsdoctor.report.shard import CellResult
from wsdoctor.report.summary import counted
from wsdoctor.workers.supervisor import OutOfTimeError

_UNITS_A_WORKER = 6
"""Another process pays for its import of the application only if it has some work to do."""


def examine(
    openings: Sequence[RouteTarget],
    selection: Selection,
    options: Options,
    *,
    pool: RunnerPool,
    found: Results,
    progress: Progress,
    limits: Limits,
    target: TargetInfo | None = None,
) -> None:
    """Run the cases of ``openings``, adding to ``found``; ``target`` is what a test can import.

    Raises DriverError.
    """
    pool.end_at(limits.deadline)
    first = pool.runners(1)[0]
    surveys: list[RoutePlan] = []
    order = 0
    for route_target in openings:
        surveyed = look(
            route_target, selection, options, runner=first, found=found, order=order, limits=limits
        )
        surveys.append(surveyed)
        order += len(surveyed.units) or 1  # what was not reached has a part of its own
    units = [unit for surveyed in surveys for unit in surveyed.units]
    if options.shard is not None:
        number, of = options.shard
        units = [unit for unit in units if unit.order % of == number - 1]
    run_units(units, options, pool=pool, found=found, limits=limits, progress=progress)
    finish(surveys, options, runner=first, found=found, order=order, target=target, limits=limits)
    if options.clock == "virtual" and options.shard is None:
        with contextlib.suppress(OutOfTimeError):
            on_another_server(found, first)


def look(  # noqa: PLR0917 - what `survey` takes
    route_target: RouteTarget,
    selection: Selection,
    options: Options,
    runner: Runner,
    found: Results,
    order: int,
    limits: Limits,
) -> RoutePlan:
    """The survey of a route; if the time is over, ``found`` has that it was not finished.

    Raises DriverError.
    """
    try:
        return survey(route_target, selection, options, runner=runner, found=found, order=order)
    except OutOfTimeError:
        part = found.begin(route_target.route, order, route=route_target.route, planned=1)
        part.unfinished = limits.time_is_over
        return RoutePlan(route_target, (), ())


def run_units(
    units: Sequence[CellPlan],
    options: Options,
    *,
    pool: RunnerPool,
    found: Results,
    limits: Limits,
    progress: Progress,
) -> None:
    """Run ``units`` with as many workers as ``options`` allow, adding to ``found``."""
    work(units, pool.runners(_workers(options, len(units))), found, limits, progress)


def finish(
    surveys: Sequence[RoutePlan],
    options: Options,
    *,
    runner: Runner,
    found: Results,
    order: int,
    target: TargetInfo | None,
    limits: Limits,
) -> None:
    """Settle in ``found``, now that the cases have run, whose fault it is, and confirm the findings."""
    for looked in surveys:
        for surveyed in looked.surveys:
            if surveyed.result.verdict == "defective":
                _also(surveyed, found, order)
                order += 1
    openings = [surveyed.route_target for surveyed in surveys]
    left_out: list[str] = []
    try:
        settle(found, runner, {route_target.route: route_target.form for route_target in openings})
    except OutOfTimeError:
        left_out.append("compared with the smallest correct application")
    found.condense()
    found.notes.extend(_remarks(found))
    if options.clock == "virtual" and options.confirm != "none":
        try:
            confirm(found, runner)
            if options.confirm == "emitted" and target is not None:
                call_witnesses(found, runner, options, target, until=limits.deadline)
        except OutOfTimeError:
            left_out.append("confirmed")
    if left_out and any(case.causes for case in found.diagnosed):
        found.notes.append(
            f"what was found was not {' and not '.join(left_out)}: {limits.time_is_over}"
        )


def _also(surveyed: Diagnosed, found: Results, order: int) -> None:
    """Add what went wrong while the client waited, if none of the cases waited as long."""
    known = {
        (cause.occurrence.code, cause.occurrence.place)
        for part in found
        if part.route == surveyed.result.route
        for case in part.diagnosed
        for cause in case.causes
    }
    if all((item.occurrence.code, item.occurrence.place) in known for item in surveyed.causes):
        return
    part = found.begin(surveyed.result.id, order, route=surveyed.result.route)
    part.rows.append(surveyed.result)
    part.diagnosed.append(surveyed)
    part.planned = part.run = 1


def _workers(options: Options, units: int) -> int:
    wanted = options.workers
    if wanted == AUTO:
        wanted = min(os.cpu_count() or 1, units // _UNITS_A_WORKER)
    return max(1, min(wanted, units))


def _remarks(found: Results) -> Iterator[str]:
    """Notes on planned cases that were not run, with the reason, and on cases that took real time."""
    routes: dict[str, list[CellResult]] = {}
    for part in found:
        routes.setdefault(part.route, []).append(part)
    for route, parts in routes.items():
        for reason, count in Counter(part.unfinished for part in parts if part.unfinished).items():
            yield (
                f"{route}: {count} of {len(parts)} combinations of server and kind of disconnect "
                f"were not finished: {reason}"
            )
        if slow := sum(part.slow for part in parts):
            yield (
                f"{route}: real time was spent in {slow} of {sum(part.run for part in parts)} cases: "
                "the application has threads, sockets or processes of its own"
            )
        if missed := sum(part.missed for part in parts):
            yield f"{route}: {missed} moments did not come again when they were to be tried"
        if any(part.left_out for part in parts):
            most = max(part.left_out for part in parts)
            yield (
                f"{route}: the handler is never at rest, so up to {counted(most, 'moment')} of a life "
                "that are like those before them were left out"
            )
        if alike := max(part.alike for part in parts):
            yield (
                f"{route}: up to {counted(alike, 'moment')} of a life were left out, because the connection "
                "was in the same state at others that were tried"
            )

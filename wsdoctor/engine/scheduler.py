"""The crew: units of work, done by one runner in this thread or by several, each in its own thread."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from wsdoctor.diagnosis.finding import CaseResult
from wsdoctor.diagnosis.grouping import condensed
from wsdoctor.engine.copies import CopyRunner
from wsdoctor.engine.limits import Limits
from wsdoctor.engine.results import Results
from wsdoctor.engine.runner import Progress, Runner
from wsdoctor.engine.sweep import sweep
from wsdoctor.plan.moments import EVERY
from wsdoctor.recording.case import Case
from wsdoctor.report.shard import CellResult
from wsdoctor.workers.supervisor import OutOfTimeError

_STRETCH = 4
"""Units that may have copies of the application in common."""


@dataclass(frozen=True, slots=True)
class CellPlan:
    """The cases of one route, server and kind, the lives to sweep first; ``order``: of the plan."""

    order: int
    cases: tuple[Case, ...]

    @property
    def id(self) -> str:
        case = self.cases[0]
        return f"{case.route} {case.kind} {case.server}"

    @property
    def lives(self) -> tuple[Case, ...]:
        """Those of whose lives every moment is met."""
        return tuple(case for case in self.cases if case.at == EVERY)

    @property
    def named(self) -> tuple[Case, ...]:
        """Those with a moment of their own."""
        return tuple(case for case in self.cases if case.at != EVERY)


class RunnerPool(Protocol):
    """A source of runners."""

    def runners(self, count: int) -> Sequence[Runner]:
        """``count`` runners, or fewer if that is not possible; the first is always the same."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the runners have to say of the target, each sentence once."""

    def end_at(self, deadline: float) -> None:
        """From that ``time.monotonic()`` on the runners raise OutOfTimeError, in the middle of a case if need be."""


def work(
    units: Sequence[CellPlan],
    runners: Sequence[Runner],
    found: Results,
    limits: Limits,
    progress: Progress,
) -> None:
    """Do ``units``, adding a part to ``found`` for each.

    With one runner everything happens in this thread. Whatever a runner raises comes out here, and
    an interrupt (KeyboardInterrupt) too; what is done so far is then in ``found``.
    """
    parts = {
        unit.order: found.begin(
            unit.id,
            unit.order,
            route=unit.cases[0].route,
            planned=len(unit.named),
        )
        for unit in units
    }
    for unit in units:
        progress.planned(parts[unit.order].planned)
    if len(runners) == 1:
        copies = CopyRunner(runners[0])
        for stretch in _stretches(units):
            _perform(stretch, copies, parts, limits, progress)
    else:
        _in_threads(units, runners, parts, limits, progress)


def _stretches(units: Sequence[CellPlan]) -> list[tuple[CellPlan, ...]]:
    """``units`` that follow one another on one bench: always the same ones, however many there are to do them."""
    alike: dict[tuple[str, str], list[CellPlan]] = {}
    for unit in units:
        case = unit.cases[0]
        alike.setdefault((case.route, case.server), []).append(unit)
    stretches = [
        tuple(all_of[first : first + _STRETCH])
        for all_of in alike.values()
        for first in range(0, len(all_of), _STRETCH)
    ]
    return sorted(stretches, key=lambda stretch: stretch[0].order)


def _perform(
    stretch: Sequence[CellPlan],
    copies: CopyRunner,
    parts: Mapping[int, CellResult],
    limits: Limits,
    progress: Progress,
) -> None:
    # The result of a stretch depends neither on its runner nor on the stretches before it.
    copies.begin()
    for unit in stretch:
        copies.renew_if_changed()
        _do(unit, copies, parts[unit.order], limits, progress)


def _do(
    unit: CellPlan, copies: CopyRunner, part: CellResult, limits: Limits, progress: Progress
) -> None:
    try:
        if unit.lives:
            if reason := limits.reached(unit.cases[0].route):
                part.unfinished = reason
                return
            sweep(unit.lives, unit.named, copies, part, limits, progress)
        else:
            _run_all(unit, copies, part, limits, progress)
    finally:
        part.diagnosed = condensed(part.diagnosed, symptoms=True)


def _run_all(
    unit: CellPlan, copies: CopyRunner, part: CellResult, limits: Limits, progress: Progress
) -> None:
    for case in unit.cases:
        if reason := limits.reached(case.route):
            part.unfinished = reason
            return
        if case.situation:
            copies.renew_if_changed()  # who came before is what such a case is about
        try:
            diagnosed = copies.diagnose(case, keep=True)
        except OutOfTimeError:
            part.unfinished = limits.time_is_over
            return
        limits.ran(diagnosed)
        part.run += 1
        part.slow += diagnosed.recording.used_wall_time
        part.rows.append(diagnosed.result)
        part.diagnosed.append(diagnosed)
        if diagnosed.ending is not None:
            part.endings.append(diagnosed.ending)
        progress.case_done(diagnosed.result)


_News = queue.SimpleQueue[Callable[[], None] | None]
"""Calls of the progress that threads ask for; None from a thread that is done."""


def _in_threads(
    units: Sequence[CellPlan],
    runners: Sequence[Runner],
    parts: Mapping[int, CellResult],
    limits: Limits,
    progress: Progress,
) -> None:
    """Let each thread take the next free stretch, and report the progress from this thread."""
    waiting: queue.SimpleQueue[tuple[CellPlan, ...]] = queue.SimpleQueue()
    for stretch in _stretches(units):
        waiting.put(stretch)
    news: _News = queue.SimpleQueue()

    def serve(runner: Runner) -> None:
        copies = CopyRunner(runner)
        with contextlib.suppress(queue.Empty):
            while True:
                stretch = waiting.get_nowait()
                _perform(stretch, copies, parts, limits, _Relayed(progress, news))

    with ThreadPoolExecutor(len(runners)) as pool:
        serving = [pool.submit(serve, runner) for runner in runners]
        for future in serving:
            future.add_done_callback(lambda _: news.put(None))
        try:
            _tell(news, serving)
        except BaseException:
            # The others must not begin anything anew, nor finish what may take a minute.
            limits.interrupted = True
            for runner in runners:
                runner.close()
            raise


def _tell(news: _News, serving: Sequence[Future[None]]) -> None:
    """Say what there is to say until all are done; raises what one of them raised."""
    for _ in serving:
        while (say := news.get()) is not None:
            say()
        for future in serving:
            if future.done():
                future.result()


class _Relayed:
    """A Progress whose words are said in another thread."""

    def __init__(self, progress: Progress, news: _News) -> None:
        self._progress = progress
        self._news = news

    def planned(self, total: int) -> None:
        self._news.put(lambda: self._progress.planned(total))

    def case_done(self, result: CaseResult) -> None:
        self._news.put(lambda: self._progress.case_done(result))

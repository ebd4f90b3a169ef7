"""Run a built-in variant, and compare what it shows with what it declares."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace

from wsdoctor.engine.catalogue import Variant, find_variant
from wsdoctor.engine.check import LocalSource, run_check
from wsdoctor.engine.confirm import exhibits
from wsdoctor.engine.counterparts import on_the_twin
from wsdoctor.engine.results import Results
from wsdoctor.engine.runner import Progress
from wsdoctor.engine.runners import LocalRunner, WorkerPool, installed_servers
from wsdoctor.engine.scheduler import RunnerPool
from wsdoctor.engine.selection import choose
from wsdoctor.options.check import Options
from wsdoctor.plan.moments import is_poll
from wsdoctor.report.model import Declared, Report, TargetInfo
from wsdoctor.target import TargetSpec, load
from wsdoctor.workers.messages import Load

MOMENTS = ("after:2",)
"""The moment at which a variant is met unless others are asked for."""


def run_variant(
    name: str, options: Options, *, progress: Progress | None = None, command: str = ""
) -> Report:
    """Run one variant in this process and compare what it shows with what it declares.

    Raises UnknownVariantError, and PlanError for an unknown server, kind or moment. An interrupt
    (Ctrl-C) ends the run: the Report then says so and holds what is known.
    """
    began = time.monotonic()
    variant = find_variant(name)
    # A variant is about what one handler does by itself.
    options = replace(options, bystander=False, made_up_message=False, later_clients=False)
    selection = choose(options, installed_servers(), moments=MOMENTS)
    spec = f"{variant.path}:app"
    target = load(TargetSpec(spec))
    info = TargetInfo(spec=variant.name, kind="variant", framework=target.framework)

    def twin(found: Results) -> None:
        if variant.fixed_twin and options.clock == "virtual":
            _run_twin(variant.fixed_twin, options, found)

    with ExitStack() as opened:
        pool: RunnerPool = LocalRunner(target, target.routes, options)
        if options.workers != 1:
            pool = opened.enter_context(WorkerPool(Load(spec), options))
        return run_check(
            LocalSource(target, options, info),
            options,
            selection=selection,
            pool=pool,
            began=began,
            progress=progress,
            command=command,
            afterwards=twin,
            declared=lambda found: _declared(variant, options, found),
        )


def _declared(variant: Variant, options: Options, found: Results) -> Declared:
    shown = tuple(
        dict.fromkeys(e.finding.code for e in exhibits(found) if e.finding.severity != "info")
    )
    decided = all(
        case.result.verdict not in {"inconclusive", "nothing-checked"} for case in found.diagnosed
    )
    return Declared(
        variant=variant.name,
        story=variant.title,
        expected=variant.shows,
        found=shown,
        as_declared=_as_declared(variant, shown, options) and decided,
        fixed_twin=variant.fixed_twin,
        only_in_sweep=variant.shows_in_sweep,
    )


def _run_twin(name: str, options: Options, found: Results) -> None:
    if any(part.diagnosed for part in found):
        twin = load(TargetSpec(f"{find_variant(name).path}:app"))
        paths = [route.path for route in twin.routes]
        on_the_twin(found, name, LocalRunner(twin, twin.routes, options), paths)


def _as_declared(variant: Variant, shown: tuple[str, ...], options: Options) -> bool:
    """Whether a variant shows its declared findings, and no others; a narrowed matrix shows some of them.

    A finding that only a sweep shows has to show in a whole sweep, and may show at single moments.
    """
    swept = options.depth == "full" and not options.moments
    expected = set(variant.shows)
    if swept or any(is_poll(moment) for moment in options.moments):
        expected |= set(variant.shows_in_sweep)
    if options.servers or options.kinds or options.moments:
        return set(shown) <= expected and bool(shown or not variant.shows)
    return set(shown) == expected

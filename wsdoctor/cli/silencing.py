"""What the command line and the settings want silenced, and the report without it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from wsdoctor.cli import inputs
from wsdoctor.cli.errors import InputError

if TYPE_CHECKING:
    from wsdoctor.explore.options import Options
    from wsdoctor.report.model import Report
    from wsdoctor.settings.file import SettingsFile
    from wsdoctor.silence.apply import Decisions


def decisions(
    given: SettingsFile,
    options: Options,
    *,
    select: list[str] | None,
    ignore: list[str] | None,
    baseline: str | None,
    update: bool,
) -> Decisions:
    """The Decisions of the options, and of the routes in the settings."""
    from wsdoctor.silence.apply import Decisions
    from wsdoctor.silence.baseline import read_baseline

    if update and baseline is None:
        raise InputError("--baseline-update writes the file that --baseline names: give both")
    known = None
    if baseline is not None and not (update and not Path(baseline).exists()):
        known = read_baseline(Path(baseline))
    narrowed = (options.servers, options.kinds, options.moments, options.shard, options.max_time)
    return Decisions(
        select=_codes(select, "--select") if select else None,
        ignore=_codes(ignore, "--ignore"),
        route_ignore={
            route: _codes(own.ignore, f"routes.{route}.ignore")
            for route, own in given.settings.routes.items()
            if own.ignore
        },
        baseline=known,
        whole=not any(narrowed) and select is None,
    )


def _codes(values: Iterable[str] | None, where: str) -> frozenset[str]:
    from wsdoctor.silence.selection import SelectionError, codes_of

    try:
        return codes_of(inputs.comma_separated(values))
    except SelectionError as error:
        raise InputError(f"{where}: {error}") from None


def applied(report: Report, decisions: Decisions, *, baseline: str | None, update: bool) -> Report:
    """``report`` without what is silenced; with ``update`` the baseline is written first."""
    from wsdoctor.silence.apply import silence, updated_baseline

    if update and baseline is not None and not report.interrupted:
        decisions = updated_baseline(report, decisions, Path(baseline))
    return silence(report, decisions)

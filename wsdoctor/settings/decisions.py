"""Suppressions from the command line and from the settings file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wsdoctor.options.check import Options
from wsdoctor.options.parse import InputError, comma_separated
from wsdoctor.options.reporting import Reporting
from wsdoctor.settings.file import SettingsFile
from wsdoctor.suppression.apply import Decisions
from wsdoctor.suppression.baseline import read_baseline
from wsdoctor.suppression.selection import SelectionError, codes_of


def decisions(given: SettingsFile, options: Options, reporting: Reporting) -> Decisions:
    """The Decisions of the options, and of the routes in the settings ``given``.

    Raises InputError, and BaselineError.
    """
    baseline, update = reporting.baseline, reporting.baseline_update
    if update and baseline is None:
        raise InputError("--baseline-update writes the file that --baseline names: give both")
    if update and options.shard is not None:
        raise InputError(
            "--baseline-update wants everything, and a --shard is a part: "
            "give it to wsdoctor merge, with the reports of all shards"
        )
    known = None
    if baseline is not None and not (update and not Path(baseline).exists()):
        known = read_baseline(Path(baseline))
    return Decisions(
        select=_codes(reporting.select, "--select") if reporting.select else None,
        ignore=_codes(reporting.ignore, "--ignore"),
        route_ignore={
            route: _codes(own["ignore"], f"routes.{route}.ignore")
            for route, own in given.routes.items()
            if own.get("ignore")
        },
        baseline=known,
        whole=not options.narrowed and options.shard is None and not reporting.select,
    )


def _codes(values: Iterable[str] | None, where: str) -> frozenset[str]:
    try:
        return codes_of(comma_separated(values))
    except SelectionError as error:
        raise InputError(f"{where}: {error}") from None

"""``wsdoctor run``: the built-in variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from wsdoctor.cli import exit_codes, output
from wsdoctor.cli.debug import Debug
from wsdoctor.cli.parameters import with_options
from wsdoctor.cli.progress import progress
from wsdoctor.cli.redacted_argv import command_line
from wsdoctor.options.check import Options
from wsdoctor.options.commands import RunOptions
from wsdoctor.options.parse import InputError
from wsdoctor.options.reporting import Reporting

if TYPE_CHECKING:
    from wsdoctor.report.model import Report

BY_DEFAULT = ("naive", "fixed")


@with_options("run")
def run(
    ctx: typer.Context,
    chosen: RunOptions,
    options: Options,
    reporting: Reporting,
    *,
    debug: Debug = False,
) -> int:
    """Run built-in handlers, buggy and fixed, and see what each disconnect does to them.

    Without a variant: naive beside fixed. Exits with 0 if every variant behaved as it declares
    (naive shows its defect, fixed shows none), with 1 if not.
    """
    files = output.report_files(reporting)
    names = chosen.variants
    if names and chosen.every:
        raise InputError("--all already means every variant: leave out --variant")

    from wsdoctor.engine.catalogue import catalogue, find_variant
    from wsdoctor.engine.variants import run_variant

    if chosen.every:
        names = tuple(known.name for known in catalogue())
    # Every name is looked up before the first variant runs.
    wanted = dict.fromkeys(find_variant(name).name for name in names or BY_DEFAULT)
    reports: list[Report] = []
    command = command_line(ctx.obj)
    with output.live(files, command=command) as live:
        with progress("run", quiet=reporting.format == "json") as shown:
            for name in wanted:
                reports.append(
                    run_variant(name, options, progress=live.beside(shown), command=command)
                )
                if reports[-1].interrupted:
                    break
        exit_code = exit_codes.of_run(reports)
        output.write(reports, reporting, files=files, exit_code=exit_code, live=live)
    return exit_code

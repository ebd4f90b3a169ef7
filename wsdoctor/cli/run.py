"""``wsdoctor run``: the built-in variants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wsdoctor.cli import completion, exit_codes, output
from wsdoctor.cli.invocation import command_line
from wsdoctor.cli.options import (
    MATRIX,
    Clock,
    Confirm,
    ConfirmTime,
    Debug,
    Format,
    Kinds,
    MaxTime,
    Moments,
    ReportFiles,
    Servers,
    Verbose,
    Workers,
)
from wsdoctor.cli.progress import progress
from wsdoctor.plan.budget import CONFIRM_TIME
from wsdoctor.settings.inputs import InputError, comma_separated, seconds

if TYPE_CHECKING:
    from wsdoctor.report.model import Report

BY_DEFAULT = ("naive", "fixed")


def run(
    ctx: typer.Context,
    *,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Run this variant; repeatable, or separated by commas. See: wsdoctor list variants",
            autocompletion=completion.variants,
            rich_help_panel=MATRIX,
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Run every variant.", rich_help_panel=MATRIX)
    ] = False,
    ws: Servers = None,
    disconnect: Kinds = None,
    at: Moments = None,
    sweep: Annotated[
        bool,
        typer.Option(
            "--sweep",
            help="Disconnect at every moment of the connection's life.",
            rich_help_panel=MATRIX,
        ),
    ] = False,
    clock: Clock = "virtual",
    workers: Workers = "1",
    max_time: MaxTime = None,
    confirm: Confirm = "loopback",
    confirm_time: ConfirmTime = CONFIRM_TIME,
    output_format: Format = "text",
    report: ReportFiles = None,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Run built-in handlers, buggy and fixed, and see what each disconnect does to them.

    Without a variant: naive beside fixed. Exits with 0 if every variant behaved as it declares
    (naive shows its defect, fixed shows none), with 1 if not.
    """
    files = output.report_files(report, stdout=output_format)

    from msgspec.structs import replace

    from wsdoctor.settings.options import matrix

    options = replace(
        matrix(
            ws,
            disconnect,
            at,
            clock=clock,
            depth="full" if sweep else "quick",
            workers=workers,
            max_time=max_time,
        ),
        confirm=confirm,
        confirm_time=seconds(confirm_time, "--confirm-time"),
    )
    names = comma_separated(variant)
    if names and every:
        raise InputError("--all already means every variant: leave out --variant")

    from wsdoctor.explore.catalogue import catalogue, find_variant
    from wsdoctor.explore.variants import run_variant

    if every:
        names = tuple(known.name for known in catalogue())
    # Every name is looked up before the first variant runs.
    wanted = dict.fromkeys(find_variant(name).name for name in names or BY_DEFAULT)
    reports: list[Report] = []
    command = command_line(ctx.obj)
    with output.live(files, command=command) as live:
        with progress("run", quiet=output_format == "json") as shown:
            for name in wanted:
                reports.append(
                    run_variant(name, options, progress=live.beside(shown), command=command)
                )
                if reports[-1].interrupted:
                    break
        exit_code = exit_codes.of_run(reports)
        output.write(
            reports,
            stdout=output_format,
            files=files,
            verbose=verbose,
            exit_code=exit_code,
            live=live,
        )
    return exit_code

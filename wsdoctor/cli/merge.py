"""``wsdoctor merge``: the JSON reports of shards, put together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wsdoctor.cli import exit_codes, output
from wsdoctor.cli.invocation import command_line
from wsdoctor.cli.options import (
    BaselineFile,
    BaselineUpdate,
    Debug,
    FailOnOption,
    Format,
    Ignore,
    ReportFiles,
    Select,
    Verbose,
)
from wsdoctor.cli.settings import ConfigFile, settings_of
from wsdoctor.settings import inputs


def merge(
    ctx: typer.Context,
    reports: Annotated[
        list[str],
        typer.Argument(
            metavar="REPORT...", help="The JSON reports of check --shard M/N, of all M."
        ),
    ],
    *,
    select: Select = None,
    ignore: Ignore = None,
    baseline: BaselineFile = None,
    baseline_update: BaselineUpdate = False,
    fail_on: FailOnOption = "warning",
    output_format: Format = "text",
    report: ReportFiles = None,
    config: ConfigFile = None,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Put the JSON reports of check --shard together: what one run would have said.

    A shard that is missing is said, and is never a pass. What a shard suppressed, and no other one
    reported, stays suppressed. Reads the settings, and exits, as check does.
    """
    files = output.report_files(report, stdout=output_format)
    contents = [(inputs.file_bytes(path, "merge"), path) for path in reports]

    from dataclasses import replace

    from wsdoctor.explore.merge import merge as merge_reports
    from wsdoctor.explore.merge import read_shard, together_whole
    from wsdoctor.explore.options import Options
    from wsdoctor.settings.decisions import decisions
    from wsdoctor.silence.apply import silence, updated_baseline

    decided = decisions(
        settings_of(ctx),
        Options(),
        select=select,
        ignore=ignore,
        baseline=baseline,
        update=baseline_update,
    )
    shards = tuple(read_shard(data, path) for data, path in contents)
    result = merge_reports(shards, command=command_line(ctx.obj))
    decided = replace(decided, shards=shards, whole=decided.whole and together_whole(shards))
    if baseline_update and baseline is not None and not result.interrupted:
        decided = updated_baseline(result, decided, Path(baseline))
    result = silence(result, decided)
    exit_code = exit_codes.of_check(result, fail_on)
    output.write([result], stdout=output_format, files=files, verbose=verbose, exit_code=exit_code)
    return exit_code

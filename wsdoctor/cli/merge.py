"""``wsdoctor merge``: the JSON reports of shards, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from wsdoctor.cli import exit_codes, output
from wsdoctor.cli.invocation import command_line
from wsdoctor.cli.options import Debug, FailOnOption, Format, ReportFiles, Verbose
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
    fail_on: FailOnOption = "warning",
    output_format: Format = "text",
    report: ReportFiles = None,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Put the JSON reports of check --shard together: what one run would have said.

    A shard that is missing is said, and is never a pass. Exits as check does.
    """
    files = output.report_files(report, stdout=output_format)
    contents = [(inputs.file_bytes(path, "merge"), path) for path in reports]

    from wsdoctor.explore.merge import merge as merge_reports
    from wsdoctor.explore.merge import read_shard

    result = merge_reports(
        [read_shard(data, path) for data, path in contents], command=command_line(ctx.obj)
    )
    exit_code = exit_codes.of_check(result, fail_on)
    output.write([result], stdout=output_format, files=files, verbose=verbose, exit_code=exit_code)
    return exit_code

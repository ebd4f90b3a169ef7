"""``wsdoctor merge``: the JSON reports of shards, put together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wsdoctor.cli import exit_codes, output
from wsdoctor.cli.debug import Debug
from wsdoctor.cli.parameters import with_options
from wsdoctor.cli.redacted_argv import command_line
from wsdoctor.cli.settings import settings_of
from wsdoctor.options import parse
from wsdoctor.options.check import Options
from wsdoctor.options.reporting import Reporting


@with_options("merge")
def merge(
    ctx: typer.Context,
    shards: Annotated[
        list[str],
        typer.Argument(
            metavar="REPORT...", help="The JSON reports of check --shard M/N, of all M."
        ),
    ],
    reporting: Reporting,
    *,
    debug: Debug = False,
) -> int:
    """Put the JSON reports of check --shard together: what one run would have said.

    A shard that is missing is said, and is never a pass. What a shard suppressed, and no other one
    reported, stays suppressed. Reads the settings, and exits, as check does.
    """
    files = output.report_files(reporting)
    contents = [(parse.file_bytes(path, "merge"), path) for path in shards]

    from dataclasses import replace

    from wsdoctor.engine.merge import merge as merge_reports
    from wsdoctor.engine.merge import read_shard, together_whole
    from wsdoctor.settings.decisions import decisions
    from wsdoctor.suppression.apply import silence, updated_baseline

    decided = decisions(settings_of(ctx), Options(), reporting)
    parts = tuple(read_shard(data, path) for data, path in contents)
    result = merge_reports(parts, command=command_line(ctx.obj))
    decided = replace(decided, shards=parts, whole=decided.whole and together_whole(parts))
    baseline = reporting.baseline
    if reporting.baseline_update and baseline is not None and not result.interrupted:
        decided = updated_baseline(result, decided, Path(baseline))
    result = silence(result, decided)
    exit_code = exit_codes.of_check(result, reporting.fail_on)
    output.write([result], reporting, files=files, exit_code=exit_code)
    return exit_code

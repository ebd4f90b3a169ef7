"""``wsdoctor check``: the user's own application."""

from __future__ import annotations

from pathlib import Path

import typer

from wsdoctor.cli import exit_codes, output
from wsdoctor.cli.debug import Debug
from wsdoctor.cli.parameters import with_options
from wsdoctor.cli.progress import progress
from wsdoctor.cli.redacted_argv import command_line, hide
from wsdoctor.cli.settings import settings_of, show
from wsdoctor.options.check import Options, TargetOptions
from wsdoctor.options.reporting import Reporting


@with_options("check")
def check(
    ctx: typer.Context,
    target: TargetOptions,
    options: Options,
    reporting: Reporting,
    *,
    debug: Debug = False,
) -> int:
    """Check what your application does when its WebSocket connections end.

    Every WebSocket route is checked, unless --path narrows it. A route that wants a token or a
    first message gets them from the options under "Reaching the handler"; values of headers,
    cookies and queries are never written anywhere.
    """
    files = output.report_files(reporting)

    from wsdoctor.engine.check import check as check_target
    from wsdoctor.report.redaction import redact, redact_reasons
    from wsdoctor.settings.decisions import decisions
    from wsdoctor.settings.merge import with_settings
    from wsdoctor.suppression.apply import silence, updated_baseline

    options = with_settings(options, settings_of(ctx), target.target)
    hide(ctx.obj, options.secrets)
    decided = decisions(settings_of(ctx), options, reporting)
    if reporting.show_settings:
        show(ctx, options)
        return exit_codes.HEALTHY
    command = command_line(ctx.obj)
    with output.live(files, command=command, secrets=options.secrets) as live:
        with progress("check", quiet=reporting.format == "json") as shown:
            result = check_target(
                target.target,
                options,
                factory=target.factory,
                app_dir=target.app_dir,
                progress=live.beside(shown),
                command=command,
            )
        result = redact(result, options.secrets)
        baseline = reporting.baseline
        if reporting.baseline_update and baseline is not None and not result.interrupted:
            decided = updated_baseline(result, decided, Path(baseline))
        result = redact_reasons(silence(result, decided), options.secrets)
        exit_code = exit_codes.of_check(result, reporting.fail_on)
        output.write([result], reporting, files=files, exit_code=exit_code, live=live)
    return exit_code

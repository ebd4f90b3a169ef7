"""``wsdoctor check``: the user's own application."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wsdoctor.cli import exit_codes, output
from wsdoctor.cli.invocation import command_line, hide
from wsdoctor.cli.options import (
    MATRIX,
    AnswerTime,
    AppDir,
    BaselineFile,
    BaselineUpdate,
    Bystander,
    Clock,
    Confirm,
    ConfirmTime,
    Debug,
    Depth,
    Factory,
    FailOnOption,
    Format,
    Grace,
    Ignore,
    Kinds,
    MadeUpMessage,
    MaxTime,
    Moments,
    ReportFiles,
    Select,
    Servers,
    StartupTime,
    Target,
    Verbose,
    Workers,
)
from wsdoctor.cli.progress import progress
from wsdoctor.cli.reach import (
    Cookies,
    Driver,
    Headers,
    PathParams,
    Probes,
    Query,
    Script,
    Send,
    SendBytes,
    SendFile,
    SendJson,
    Subprotocols,
    reach,
)
from wsdoctor.cli.settings import ConfigFile, ShowSettings, settings_of, show
from wsdoctor.plan.budget import ANSWER_TIME, CONFIRM_TIME, STARTUP_TIME
from wsdoctor.settings import inputs

Paths = Annotated[
    list[str] | None,
    typer.Option(
        "--path",
        metavar="PATH",
        help="Only this route, as the application declares it; repeatable.",
        rich_help_panel=MATRIX,
    ),
]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="M/N",
        help="Run only the m-th of n shares of the cases; put their JSON reports together with "
        "wsdoctor merge.",
        rich_help_panel=MATRIX,
    ),
]


def check(
    ctx: typer.Context,
    target: Target = "",
    *,
    path: Paths = None,
    factory: Factory = False,
    app_dir: AppDir = None,
    header: Headers = None,
    cookie: Cookies = None,
    query: Query = None,
    subprotocol: Subprotocols = None,
    path_param: PathParams = None,
    send: Send = None,
    send_json: SendJson = None,
    send_bytes: SendBytes = None,
    send_file: SendFile = None,
    script: Script = None,
    probe: Probes = None,
    driver: Driver = "",
    ws: Servers = None,
    disconnect: Kinds = None,
    at: Moments = None,
    bystander: Bystander = True,
    made_up_message: MadeUpMessage = True,
    depth: Depth = "full",
    clock: Clock = "virtual",
    grace: Grace = 0.5,
    startup_time: StartupTime = STARTUP_TIME,
    answer_time: AnswerTime = ANSWER_TIME,
    workers: Workers = "auto",
    shard: Shard = None,
    max_time: MaxTime = None,
    confirm: Confirm = "emitted",
    confirm_time: ConfirmTime = CONFIRM_TIME,
    select: Select = None,
    ignore: Ignore = None,
    baseline: BaselineFile = None,
    baseline_update: BaselineUpdate = False,
    fail_on: FailOnOption = "warning",
    output_format: Format = "text",
    report: ReportFiles = None,
    config: ConfigFile = None,
    show_settings: ShowSettings = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Check what your application does when its WebSocket connections end.

    Every WebSocket route is checked, unless --path narrows it. A route that wants a token or a
    first message gets them from the options under "Reaching the handler"; values of headers,
    cookies and queries are never written anywhere.
    """
    files = output.report_files(report, stdout=output_format)
    chosen = {
        **reach(
            ctx.meta,
            header=header,
            cookie=cookie,
            query=query,
            subprotocol=subprotocol,
            path_param=path_param,
            send=send,
            send_json=send_json,
            send_bytes=send_bytes,
            send_file=send_file,
            script=script,
            probe=probe,
            driver=driver,
        ),
        "paths": tuple(path or ()),
        "bystander": bystander,
        "made_up_message": made_up_message,
        "grace": inputs.seconds(grace, "--grace", inputs.MOST_GRACE),
        "startup_time": inputs.seconds(startup_time, "--startup-time"),
        "answer_time": inputs.seconds(answer_time, "--answer-time", inputs.MOST_ANSWER),
        "shard": inputs.shard(shard),
        "confirm": confirm,
        "confirm_time": inputs.seconds(confirm_time, "--confirm-time"),
    }

    from msgspec.structs import replace

    from wsdoctor.explore.checkup import check as check_target
    from wsdoctor.report.redaction import redact, redact_reasons
    from wsdoctor.settings.decisions import decisions
    from wsdoctor.settings.options import matrix, with_settings
    from wsdoctor.silence.apply import silence, updated_baseline

    options = replace(
        matrix(ws, disconnect, at, clock=clock, depth=depth, workers=workers, max_time=max_time),
        **chosen,
    )
    options = with_settings(options, settings_of(ctx), target)
    hide(ctx.obj, options.secrets)
    decided = decisions(
        settings_of(ctx),
        options,
        select=select,
        ignore=ignore,
        baseline=baseline,
        update=baseline_update,
    )
    if show_settings:
        show(ctx, options)
        return exit_codes.HEALTHY
    command = command_line(ctx.obj)
    with output.live(files, command=command, secrets=options.secrets) as live:
        with progress("check", quiet=output_format == "json") as shown:
            result = check_target(
                target,
                options,
                factory=factory,
                app_dir=app_dir,
                progress=live.beside(shown),
                command=command,
            )
        result = redact(result, options.secrets)
        if baseline_update and baseline is not None and not result.interrupted:
            decided = updated_baseline(result, decided, Path(baseline))
        result = redact_reasons(silence(result, decided), options.secrets)
        exit_code = exit_codes.of_check(result, fail_on)
        output.write(
            [result],
            stdout=output_format,
            files=files,
            verbose=verbose,
            exit_code=exit_code,
            live=live,
        )
    return exit_code

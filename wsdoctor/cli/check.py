"""``wsdoctor check``: the user's own application."""

from __future__ import annotations

from typing import Annotated

import typer
from typer.models import OptionInfo

from wsdoctor.cli import exit_codes, inputs, output, steps
from wsdoctor.cli.exit_codes import FailOn
from wsdoctor.cli.invocation import command_line
from wsdoctor.cli.options import (
    HANDSHAKE,
    MATRIX,
    OUTPUT,
    AppDir,
    Clock,
    Debug,
    Depth,
    Factory,
    Format,
    Grace,
    Kinds,
    MaxTime,
    Moments,
    ReportFiles,
    Servers,
    Target,
    Verbose,
    Workers,
    matrix,
)
from wsdoctor.cli.progress import progress


def _reach(*names: str, metavar: str, text: str) -> OptionInfo:
    option: OptionInfo = typer.Option(*names, metavar=metavar, help=text, rich_help_panel=HANDSHAKE)
    return option


Paths = Annotated[
    list[str] | None,
    typer.Option(
        "--path",
        metavar="PATH",
        help="Only this route, as the application declares it; repeatable.",
        rich_help_panel=MATRIX,
    ),
]
Headers = Annotated[
    list[str] | None,
    _reach(
        "--header", "-H", metavar="'NAME: VALUE'", text="A header of the handshake; repeatable."
    ),
]
Cookies = Annotated[
    list[str] | None,
    _reach("--cookie", metavar="NAME=VALUE", text="A cookie of the handshake; repeatable."),
]
Query = Annotated[
    list[str] | None,
    _reach(
        "--query",
        metavar="KEY=VALUE",
        text="A query parameter; repeatable. 'a=1&b=2' is taken as it stands in a URL.",
    ),
]
Subprotocols = Annotated[
    list[str] | None,
    _reach(
        "--subprotocol", metavar="NAME", text="A subprotocol that the client offers; repeatable."
    ),
]
PathParams = Annotated[
    list[str] | None,
    _reach("--path-param", metavar="NAME=VALUE", text="The value of a path parameter; repeatable."),
]
Send = Annotated[
    list[str] | None,
    _reach(
        "--send",
        metavar="TEXT",
        text="Send this text first; repeatable. All --send… are sent in the given order.",
    ),
]
SendJson = Annotated[
    list[str] | None, _reach("--send-json", metavar="JSON", text="Send this JSON as text.")
]
SendBytes = Annotated[
    list[str] | None,
    _reach("--send-bytes", metavar="HEX", text="Send these bytes, e.g. 'c0ff ee'."),
]
SendFile = Annotated[
    list[str] | None,
    _reach(
        "--send-file",
        metavar="FILE",
        text="Send a file's content in one message: text if it is UTF-8, otherwise bytes.",
    ),
]
Script = Annotated[
    list[str] | None,
    _reach(
        "--script",
        metavar="STEPS",
        text=f"A file of steps, one a line, or 'step; step': {steps.STEP_FORMS}.",
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
FailOnOption = Annotated[
    FailOn,
    typer.Option(
        "--fail-on",
        help="The least severity of a finding that makes the exit code 1.",
        rich_help_panel=OUTPUT,
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
    ws: Servers = None,
    disconnect: Kinds = None,
    at: Moments = None,
    depth: Depth = "full",
    clock: Clock = "virtual",
    grace: Grace = 0.5,
    workers: Workers = "auto",
    shard: Shard = None,
    max_time: MaxTime = None,
    fail_on: FailOnOption = "warning",
    output_format: Format = "text",
    report: ReportFiles = None,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Check what your application does when its WebSocket connections end.

    Every WebSocket route is checked, unless --path narrows it. A route that wants a token or a
    first message gets them from the options under "Reaching the handler"; values of headers,
    cookies and queries are never written anywhere.
    """
    files = output.report_files(report)
    sends = {
        "send": send,
        "send_json": send_json,
        "send_bytes": send_bytes,
        "send_file": send_file,
        "script": script,
    }
    headers, cookies, pairs = inputs.headers(header), inputs.cookies(cookie), inputs.query(query)
    reach = {
        "paths": tuple(path or ()),
        "headers": headers,
        "cookies": cookies,
        "query": pairs,
        "subprotocols": inputs.comma_separated(subprotocol),
        "path_params": inputs.path_params(path_param),
        "script": steps.script(ctx.meta, sends),
        "grace": inputs.seconds(grace, "--grace"),
        "shard": inputs.shard(shard),
    }

    from msgspec.structs import replace

    from wsdoctor.explore.checkup import check as check_target
    from wsdoctor.report.redaction import redact, secrets_of

    options = replace(
        matrix(ws, disconnect, at, clock=clock, depth=depth, workers=workers, max_time=max_time),
        **reach,
    )
    with progress("check", quiet=output_format == "json") as shown:
        result = check_target(
            target,
            options,
            factory=factory,
            app_dir=app_dir,
            progress=shown,
            command=command_line(ctx.obj),
        )
    result = redact(result, secrets_of(headers, cookies, pairs))
    output.write([result], stdout=output_format, files=files, verbose=verbose)
    return exit_codes.of_check(result, fail_on)

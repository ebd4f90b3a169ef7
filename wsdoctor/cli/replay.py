"""``wsdoctor replay``: one case again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from wsdoctor.cli import completion, exit_codes
from wsdoctor.cli.errors import say
from wsdoctor.cli.invocation import hide
from wsdoctor.cli.options import (
    OUTPUT,
    AnswerTime,
    AppDir,
    Debug,
    Factory,
    Grace,
    StartupTime,
    Target,
)
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
from wsdoctor.cli.settings import ConfigFile, settings_of, target_of
from wsdoctor.plan.budget import ANSWER_TIME, STARTUP_TIME
from wsdoctor.settings import inputs
from wsdoctor.settings.inputs import InputError

if TYPE_CHECKING:
    from wsdoctor.explore.options import Options
    from wsdoctor.explore.replay import Replayed


def replay(
    ctx: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="ID|REPORT",
            help="The id of a case, e.g. '/ws close@after:2 uvicorn:wsproto', or a JSON report: "
            "then the case of each of its findings is run.",
        ),
    ],
    target: Target = "",
    *,
    variant: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="A built-in variant, in the place of TARGET.",
            autocompletion=completion.variants,
        ),
    ] = "",
    code: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE",
            help="Look only for this rule; of a report, repeatable.",
            autocompletion=completion.rules,
        ),
    ] = None,
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
    grace: Grace = 0.5,
    startup_time: StartupTime = STARTUP_TIME,
    answer_time: AnswerTime = ANSWER_TIME,
    emit: Annotated[
        Literal["pytest"] | None,
        typer.Option(
            help="Write a test of its own, with plain uvicorn and websockets, for a bug report.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where --emit writes to (default: standard output).",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    config: ConfigFile = None,
    debug: Debug = False,
) -> int:
    """Run one case again, exactly as it was, and say FIXED, STILL FAILING or CANNOT REPLAY.

    An id wants the TARGET, and the options that reached the handler; a report holds both, but for
    the values of headers, cookies and queries. Exits with 0 if it is fixed, 1 if it still fails,
    5 if it cannot be replayed.
    """
    chosen = reach(
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
    )
    if target and variant:
        raise InputError("--variant stands in the place of TARGET: give one of them")
    data = inputs.file_bytes(what, "replay") if Path(what).is_file() else None
    if data is None and what.endswith(".json"):
        raise InputError(f"replay cannot read {what!r}: there is no such file")
    if data is None and not variant:
        target, factory, app_dir = target_of(ctx, target, factory=factory, app_dir=app_dir)

    from wsdoctor.explore.options import Options
    from wsdoctor.explore.replay import Subject, read_reports, replay_findings, replay_id
    from wsdoctor.settings.options import with_settings

    options = Options(
        **chosen,
        grace=inputs.seconds(grace, "--grace", inputs.MOST_GRACE),
        startup_time=inputs.seconds(startup_time, "--startup-time"),
        answer_time=inputs.seconds(answer_time, "--answer-time", inputs.MOST_ANSWER),
    )
    if not variant:
        options = with_settings(options, settings_of(ctx), target)
    hide(ctx.obj, options.secrets)
    subject = Subject(variant, "variant") if variant else Subject(target, "app", factory, app_dir)
    if data is None:
        if len(code or ()) > 1:
            raise InputError("a case is replayed for one --code, or for none")
        results = [replay_id(what, "".join(code or ()), subject, options)]
    else:
        given = subject if target or variant else None
        results = [*replay_findings(read_reports(data, what), code or (), given, options)]
        if not results:
            raise InputError(f"{what} holds no such finding that could be replayed")
    _tell(results, options, emit=emit is not None, file=file)
    return exit_codes.of_replay(result.outcome for result in results)


def _tell(results: list[Replayed], options: Options, *, emit: bool, file: str | None) -> None:
    from wsdoctor.report.redaction import redact, redact_text
    from wsdoctor.report.text import print_replayed, terminal

    for result in results:
        if emit:
            say(f"{result.outcome}: {result.id}")
            continue
        report = result.report and redact(result.report, options.secrets)
        reason = redact_text(result.reason, options.secrets)
        print_replayed(result.outcome, result.id, reason, report, terminal())
    if emit:
        _emit(results, options, file)


def _emit(results: list[Replayed], options: Options, file: str | None) -> None:
    from wsdoctor.explore.replay import reproduce

    if len(results) != 1:
        raise InputError(
            f"--emit writes the test of one finding, and there are {len(results)}: choose with --code"
        )
    text = reproduce(results[0], options.secrets)
    if file is None:
        sys.stdout.write(text)
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--output cannot write {file!r}: {error.strerror or error}") from None

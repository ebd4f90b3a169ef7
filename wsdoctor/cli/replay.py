"""``wsdoctor replay``: one case again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsdoctor.cli import exit_codes
from wsdoctor.cli.debug import Debug
from wsdoctor.cli.errors import say
from wsdoctor.cli.parameters import with_options
from wsdoctor.cli.redacted_argv import hide
from wsdoctor.cli.settings import settings_of, target_of
from wsdoctor.options import parse
from wsdoctor.options.check import Options, TargetOptions
from wsdoctor.options.commands import ReplayOptions
from wsdoctor.options.parse import InputError
from wsdoctor.options.reporting import Reporting

if TYPE_CHECKING:
    from wsdoctor.engine.replay import Replayed


@with_options("replay")
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
    *,
    chosen: ReplayOptions,
    target: TargetOptions,
    options: Options,
    reporting: Reporting,
    debug: Debug = False,
) -> int:
    """Run one case again, exactly as it was, and say FIXED, STILL FAILING or CANNOT REPLAY.

    An id wants the TARGET, and the options that reached the handler; a report holds both, but for
    the values of headers, cookies and queries. Exits with 0 if it is fixed, 1 if it still fails,
    5 if it cannot be replayed.
    """
    variant, codes = chosen.variant, chosen.codes
    if target.target and variant:
        raise InputError("--variant stands in the place of TARGET: give one of them")
    data = parse.file_bytes(what, "replay") if Path(what).is_file() else None
    if data is None and what.endswith(".json"):
        raise InputError(f"replay cannot read {what!r}: there is no such file")
    if data is None and not variant:
        target = target_of(ctx, target)

    from wsdoctor.engine.replay import ReplayTarget, read_reports, replay_findings, replay_id
    from wsdoctor.settings.merge import with_settings

    if not variant:
        options = with_settings(options, settings_of(ctx), target.target)
    hide(ctx.obj, options.secrets)
    subject = (
        ReplayTarget(variant, "variant")
        if variant
        else ReplayTarget(target.target, "app", target.factory, target.app_dir)
    )
    if data is None:
        if len(codes) > 1:
            raise InputError("a case is replayed for one --code, or for none")
        results = [replay_id(what, "".join(codes), subject, options)]
    else:
        given = subject if target.target or variant else None
        results = [*replay_findings(read_reports(data, what), codes, given, options)]
        if not results:
            raise InputError(f"{what} holds no such finding that could be replayed")
    _tell(results, options, reporting)
    return exit_codes.of_replay(result.outcome for result in results)


def _tell(results: list[Replayed], options: Options, reporting: Reporting) -> None:
    from wsdoctor.report.redaction import redact, redact_text
    from wsdoctor.report.text import print_replayed, terminal

    for result in results:
        if reporting.emit:
            say(f"{result.outcome}: {result.id}")
            continue
        report = result.report and redact(result.report, options.secrets)
        reason = redact_text(result.reason, options.secrets)
        print_replayed(result.outcome, result.id, reason, report, terminal())
    if reporting.emit:
        _emit(results, options, reporting.output)


def _emit(results: list[Replayed], options: Options, file: str | None) -> None:
    from wsdoctor.engine.replay import reproduce

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

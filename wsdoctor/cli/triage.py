"""``wsdoctor triage``: a production log."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from wsdoctor.cli.options import Debug, Format
from wsdoctor.settings.inputs import InputError

if TYPE_CHECKING:
    from wsdoctor.triage.causes import LogCause

FOUND = 1


def triage(
    ctx: typer.Context,
    logfile: Annotated[
        str, typer.Argument(metavar="LOGFILE|-", help="A log, or - for standard input.")
    ],
    *,
    target: Annotated[
        str,
        typer.Option(metavar="TARGET", help="What the commands that reproduce are to check."),
    ] = "",
    output_format: Format = "text",
    debug: Debug = False,
) -> int:
    """Find the tracebacks of this family in a log, by cause, and how to reproduce each.

    Reads logs of uvicorn, gunicorn, hypercorn and Litestar, as plain text or JSON lines. A log can only
    hint at a rule; the command that is printed finds out. Exits with 1 if it found any.
    """
    from wsdoctor.triage.causes import triage as triage_incidents
    from wsdoctor.triage.incident import incidents

    with _opened(logfile) as log:
        try:
            found = triage_incidents(incidents(log))
        except OSError as error:
            raise InputError(f"triage cannot read {logfile!r}: {error.strerror}") from None
    if output_format == "json":
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return FOUND if found.causes else 0
    for cause in found.causes:
        _print(cause, target)
    total = sum(cause.count for cause in found.causes)
    others = f"; {found.others} others are none of these" if found.others else ""
    causes = "1 cause" if len(found.causes) == 1 else f"{len(found.causes)} causes"
    print(f"{causes} in {total} incidents{others}" if total else f"nothing of this family{others}")
    return FOUND if found.causes else 0


def _opened(logfile: str) -> BinaryIO:
    if logfile == "-":
        return sys.stdin.buffer
    try:
        return open(logfile, "rb")  # noqa: PTH123 - the caller closes it
    except OSError as error:
        raise InputError(f"triage cannot read {logfile!r}: {error.strerror or error}") from None


def _print(cause: LogCause, target: str) -> None:
    where = f"  {_short(cause.file)}:{cause.line} in {cause.function}" if cause.file else ""
    print(f"{cause.count:>8} x  {cause.code} {cause.name}{where}")
    if cause.raised:
        print(f"            {cause.raised[:_WIDTH]}")
    if cause.first:
        until = f" to {cause.last}" if cause.last != cause.first else ""
        print(f"            {cause.first}{until}")
    print(f"            {shlex.join(_command(cause, target))}\n")


_WIDTH = 160


def _command(cause: LogCause, target: str) -> list[str]:
    words = ["wsdoctor", "check", target or _short(cause.handler) or "my.module:app"]
    if len(cause.paths) == 1:
        words += ["--path", *cause.paths]
    words += ["--select", cause.code]
    return words


def _short(file: str) -> str:
    """``file`` as seen from here, if it lies below."""
    try:
        relative = os.path.relpath(file)
    except ValueError:  # another drive
        return file
    return file if relative.startswith(os.pardir) else relative

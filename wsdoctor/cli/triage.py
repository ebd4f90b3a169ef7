"""``wsdoctor triage``: a production log."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from wsdoctor.cli.debug import Debug
from wsdoctor.cli.parameters import with_options
from wsdoctor.options.commands import TriageOptions
from wsdoctor.options.parse import InputError
from wsdoctor.options.reporting import Reporting

if TYPE_CHECKING:
    from wsdoctor.triage.causes import LogCause, Triage
    from wsdoctor.triage.incident import Incident
    from wsdoctor.triage.working_directory import WorkingDirectory

FOUND = 1

_WIDTH = 160
"""Characters of an exception that are shown."""
_POSSIBLE = 3
"""How many causes are shown that may be about anything."""


@with_options("triage")
def triage(
    ctx: typer.Context,
    logfile: Annotated[
        str,
        typer.Argument(
            metavar="LOGFILE|TEXT|-", help="A log, a line of one, or - for standard input."
        ),
    ],
    chosen: TriageOptions,
    reporting: Reporting,
    *,
    debug: Debug = False,
) -> int:
    """Find the errors of this family in a log, by cause, and how to reproduce each.

    Reads logs of uvicorn, gunicorn, hypercorn, daphne, granian and Litestar, as plain text or JSON lines, with
    what Docker, Kubernetes and journald put around each line; tracebacks of Rich, structlog and Loguru; and events
    of Sentry. A log can only hint at a rule; the command that is printed finds out. Exits with 1 if it found
    any.
    """
    from wsdoctor.triage.reader import incidents

    with _opened(logfile) as log:
        try:
            found = triaged(incidents(log), chosen.target)
        except OSError as error:
            raise InputError(f"triage cannot read {logfile!r}: {error.strerror}") from None
    if reporting.format == "json":
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return FOUND if found.causes else 0
    for cause in found.causes:
        say(*_told(cause))
    say(*_summary(found), *_notes(found))
    return FOUND if found.causes else 0


def triaged(incidents: Iterable[Incident], target: str = "") -> Triage:
    """The causes in ``incidents``, with their places in the working directory and what to run next."""
    from wsdoctor.triage.causes import triage as by_cause
    from wsdoctor.triage.working_directory import WorkingDirectory

    here = WorkingDirectory(Path.cwd())
    return advised(by_cause(incidents, here), here, target)


def advised(found: Triage, here: WorkingDirectory | None = None, target: str = "") -> Triage:
    """``found`` with what to run next."""
    from wsdoctor.triage.commands import with_commands
    from wsdoctor.triage.working_directory import WorkingDirectory

    here = here or WorkingDirectory(Path.cwd())
    return with_commands(found, here, target=target, configured=_configured())


def _configured() -> bool:
    """Whether the settings say what to check."""
    from wsdoctor.settings.file import SettingsError, read_nearest

    try:
        return bool(read_nearest(None, reaching=False).values.get("target"))
    except SettingsError:
        return False  # `check` says what is wrong with them


def _opened(logfile: str) -> BinaryIO:
    if logfile == "-":
        return sys.stdin.buffer
    try:
        return open(logfile, "rb")  # noqa: PTH123 - the caller closes it
    except (OSError, ValueError) as error:
        if any(space in logfile for space in " \n") and _says_something(logfile):
            return io.BytesIO(logfile.encode(errors="replace"))
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"triage cannot read {logfile!r}: {reason}") from None


def _says_something(text: str) -> bool:
    """Whether ``text``, which is the name of no file, is what a log says."""
    from wsdoctor.triage.signatures import signature_of

    return signature_of(text) is not None or "\n" in text


def say(*lines: str) -> None:
    """Print ``lines``, which hold words of a log: they must not command the terminal."""
    from wsdoctor.report.layout import visible

    for line in lines:
        print(visible(line))


def _told(cause: LogCause) -> Iterator[str]:
    where = f"  {place_of(cause)}" if cause.file else ""
    yield f"{cause.count:>8} x  {cause.code} {cause.name}{where}"
    until = f" to {cause.last}" if cause.last != cause.first else ""
    for line in (
        shortened(cause),
        f"{cause.first}{until}",
        *origin_of(cause),
        *_alternatives(cause),
        *cause.commands,
    ):
        if line:
            yield f"            {line}"
    yield ""


def shortened(cause: LogCause) -> str:
    """The exception, in one line."""
    return " ".join(cause.raised.split())[:_WIDTH]


def place_of(cause: LogCause) -> str:
    """The user's line: in the working directory, if it was found there."""
    function = f" in {cause.function}" if cause.function else ""
    return f"{cause.place or cause.file}:{cause.line}{function}"


def origin_of(cause: LogCause) -> Iterator[str]:
    """Facts about the file: its place in the log, or the several files that may be meant."""
    if len(cause.places) > 1:
        yield f"ambiguous here: {', '.join(cause.places)}"
    elif cause.place and Path(cause.place) != Path(cause.file) and not _same(cause):
        yield f"in the log: {cause.file}:{cause.line}"


def _same(cause: LogCause) -> bool:
    return Path(cause.file) == Path.cwd() / cause.place


def _alternatives(cause: LogCause) -> Iterator[str]:
    from wsdoctor.report.wording import rule_name

    if cause.others:
        yield f"can also be {', '.join(map(rule_name, cause.others))}"


def _summary(found: Triage) -> Iterator[str]:
    from wsdoctor.report.summary import counted

    skipped = f"; skipped {counted(found.others, 'unrelated traceback')}" if found.others else ""
    if found.causes:
        total = sum(cause.count for cause in found.causes)
        yield f"{counted(len(found.causes), 'cause')} in {counted(total, 'incident')}{skipped}"
        return
    yield f"no disconnect error found{skipped}"
    if not found.possible:
        yield "what a single message means: wsdoctor explain 'MESSAGE'"


def _notes(found: Triage) -> Iterator[str]:
    from wsdoctor.report.wording import rule_name

    for cause in found.possible[:_POSSIBLE]:
        where = f" at {place_of(cause)}" if cause.file else ""
        yield (
            f"{cause.count} x {shortened(cause)}{where}: {rule_name(cause.code)}, if a WebSocket "
            "connection of your ASGI application is concerned, which the log does not say"
        )
    if len(found.possible) > _POSSIBLE:
        yield f"and {len(found.possible) - _POSSIBLE} more of that kind: --format json has them"
    if note := placeholder_note(found.causes):
        yield note


def placeholder_note(causes: Iterable[LogCause]) -> str:
    """What the commands of ``causes`` leave open; "" if nothing."""
    from wsdoctor.triage.commands import PLACEHOLDER

    if any(PLACEHOLDER in command for cause in causes for command in cause.commands):
        return (
            f"{PLACEHOLDER} stands for your application, which was not found below this directory"
        )
    return ""

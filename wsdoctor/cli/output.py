"""Where reports go: standard output in one format, and files beside it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from wsdoctor.cli.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from wsdoctor.report.model import Report

FORMATS = ("json", "text")

FILE_WIDTH = 100


class ReportFile(NamedTuple):
    format: str
    path: Path


def report_files(values: Sequence[str] | None) -> tuple[ReportFile, ...]:
    """The files that ``--report FORMAT=PATH`` asks for, found writable before anything runs."""
    return tuple(map(_report_file, values or ()))


def _report_file(text: str) -> ReportFile:
    name, equals, path = text.partition("=")
    if not equals or not path:
        raise InputError(f"a --report is written FORMAT=PATH, e.g. json=report.json, not {text!r}")
    if name not in FORMATS:
        hint = did_you_mean(name, [*FORMATS])
        raise InputError(f"--report knows no format {name!r}{hint}: there are {', '.join(FORMATS)}")
    target = Path(path)
    if target.is_dir():
        raise InputError(f"--report cannot write {path!r}: it is a directory")
    if not target.parent.is_dir():
        raise InputError(
            f"--report cannot write {path!r}: there is no folder {str(target.parent)!r}"
        )
    return ReportFile(name, target)


def write(
    reports: Sequence[Report],
    *,
    stdout: Literal["text", "json"],
    files: Sequence[ReportFile],
    verbose: bool,
) -> None:
    """Write ``reports`` to the files first (they survive a closed pipe), then to standard output."""
    for file in files:
        try:
            file.path.write_bytes(_render(reports, file.format, verbose=verbose))
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"--report cannot write {str(file.path)!r}: {reason}") from None
    if stdout == "json":
        _write_bytes(_render(reports, "json", verbose=verbose))
        return
    from wsdoctor.report import text

    text.print_reports(reports, text.terminal(), verbose=verbose)


def _render(reports: Sequence[Report], form: str, *, verbose: bool) -> bytes:
    if form == "json":
        from wsdoctor.report import json

        return json.render(reports)
    from wsdoctor.report import text

    return text.render(reports, width=FILE_WIDTH, verbose=verbose).encode()


def _write_bytes(data: bytes) -> None:
    """JSON is UTF-8 whatever the encoding of the terminal is."""
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(data.decode())
    else:
        buffer.write(data)
        buffer.flush()

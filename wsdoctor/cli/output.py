"""Where reports go: standard output in one format, and files beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wsdoctor.cli.errors import did_you_mean
from wsdoctor.options.parse import InputError
from wsdoctor.options.reporting import Reporting
from wsdoctor.report.formats import FORMATS

if TYPE_CHECKING:
    from wsdoctor.diagnosis.finding import CaseResult
    from wsdoctor.engine.runner import Progress
    from wsdoctor.report.model import Report
    from wsdoctor.report.ndjson import Stream

FILE_WIDTH = 100

STDOUT = "-"


class ReportFile(NamedTuple):
    """A report to write; to standard output if there is no ``path``."""

    format: str
    path: Path | None


def report_files(reporting: Reporting) -> tuple[ReportFile, ...]:
    """The files that ``--report FORMAT=PATH`` asks for, found writable before anything runs.

    On standard output a report can take the place of the text only, not of what ``--format`` asks for.
    """
    stdout = reporting.format
    files = tuple(map(_report_file, reporting.reports))
    taken: dict[str, ReportFile] = {}
    for file in files:
        where = STDOUT if file.path is None else os.path.realpath(file.path)
        if (other := taken.setdefault(where, file)) is not file:
            name = "standard output" if file.path is None else repr(str(file.path))
            raise InputError(
                f"--report {other.format}=… and {file.format}=… both go to {name}: "
                "give each a path of its own"
            )
        if file.path is None and stdout != "text":
            raise InputError(
                f"--report {file.format}=- and --format {stdout} both go to standard output"
            )
    return files


def _report_file(text: str) -> ReportFile:
    name, equals, path = text.partition("=")
    if not equals or not path:
        raise InputError(f"a --report is written FORMAT=PATH, e.g. json=report.json, not {text!r}")
    if name not in FORMATS:
        hint = did_you_mean(name, [*FORMATS])
        raise InputError(f"--report knows no format {name!r}{hint}: there are {', '.join(FORMATS)}")
    if path == STDOUT:
        return ReportFile(name, None)
    target = Path(path)
    if target.is_dir():
        raise InputError(f"--report cannot write {path!r}: it is a directory")
    if not target.parent.is_dir():
        raise InputError(
            f"--report cannot write {path!r}: there is no folder {str(target.parent)!r}"
        )
    _try(target)
    return ReportFile(name, target)


def _try(path: Path) -> None:
    """Open ``path`` for writing, and leave everything as it was; InputError if that fails."""
    existed = path.exists()
    if existed and not path.is_file():
        return  # a pipe whose reader would take this for the end, or a device
    try:
        path.open("ab").close()
        if not existed:
            path.unlink()
    except (OSError, ValueError) as error:  # ValueError: a null character
        raise _cannot_write(path, error) from None


def _cannot_write(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or error
    return InputError(f"--report cannot write {str(path)!r}: {reason}")


class Live:
    """The reports that are written while cases run."""

    def __init__(self, streams: Sequence[tuple[ReportFile, Stream]]) -> None:
        self._streams = streams

    def beside(self, shown: Progress) -> Progress:
        """A Progress that tells ``shown``, and the reports."""
        return _Both(shown, self._streams) if self._streams else shown

    def build_report(self, reports: Sequence[Report]) -> tuple[ReportFile, ...]:
        """Write the ends of the reports; returns which they are."""
        for file, stream in self._streams:
            with _telling(file):
                stream.build_report(reports)
        return tuple(file for file, _ in self._streams)


class _Both:
    def __init__(self, shown: Progress, streams: Sequence[tuple[ReportFile, Stream]]) -> None:
        self._shown = shown
        self._streams = streams

    def planned(self, total: int) -> None:
        self._shown.planned(total)
        for file, stream in self._streams:
            with _telling(file):
                stream.planned(total)

    def case_done(self, result: CaseResult) -> None:
        self._shown.case_done(result)
        for file, stream in self._streams:
            with _telling(file):
                stream.case_done(result)


@contextmanager
def live(
    files: Sequence[ReportFile], *, command: str, secrets: Sequence[str] = ()
) -> Iterator[Live]:
    """Begin those of ``files`` that are written while cases run."""
    with ExitStack() as opened:
        streams = []
        for file in files:
            if file.format != "ndjson":
                continue
            from wsdoctor.report.ndjson import Stream

            with _telling(file):
                out = _Stdout() if file.path is None else opened.enter_context(file.path.open("wb"))
                streams.append((file, Stream(out, command, secrets)))
        yield Live(streams)


@contextmanager
def _telling(file: ReportFile) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # the reader has ended
    except OSError as error:
        raise _cannot_write(file.path or Path(STDOUT), error) from None


def write(
    reports: Sequence[Report],
    reporting: Reporting,
    *,
    files: Sequence[ReportFile],
    exit_code: int = 0,
    live: Live | None = None,
) -> None:
    """Write ``reports`` to the files first (they survive a closed pipe), then to standard output.

    ``exit_code`` is what the command is going to return; ``live`` has begun some of the files.
    """
    stdout, verbose = reporting.format, reporting.verbose
    begun = live.build_report(reports) if live is not None else ()
    for file in files:
        if file.path is not None and file not in begun:
            try:
                file.path.write_bytes(_render(reports, file.format, verbose, exit_code))
            except OSError as error:
                raise _cannot_write(file.path, error) from None
    here = next((file for file in files if file.path is None), None)
    if stdout == "json":
        _write_bytes(_render(reports, "json", verbose, exit_code))
    elif here is None or here.format == "github":
        from wsdoctor.report import text

        text.print_reports(reports, text.terminal(), verbose=verbose)
    if here is not None and here not in begun:
        _write_bytes(_render(reports, here.format, verbose, exit_code))
    _tell_github(reports, annotate=stdout == "text" and here is None, files=files)


def _tell_github(reports: Sequence[Report], *, annotate: bool, files: Sequence[ReportFile]) -> None:
    """In GitHub Actions: annotations, unless they were asked for elsewhere, and the job's summary."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    from wsdoctor.report import github

    if annotate and all(file.format != "github" for file in files):
        _write_bytes(github.render(reports))
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(path).open("ab") as summary:
                summary.write(github.summary(reports))
        except OSError as error:
            raise InputError(
                f"GITHUB_STEP_SUMMARY names {path!r}, which cannot be written: "
                f"{error.strerror or error}"
            ) from None


def _render(reports: Sequence[Report], form: str, verbose: bool, exit_code: int) -> bytes:  # noqa: FBT001 - each format takes what it needs
    if form == "text":
        from wsdoctor.report import text

        return text.render(reports, width=FILE_WIDTH, verbose=verbose).encode()
    if form == "sarif":
        from wsdoctor.report import sarif

        return sarif.render(reports, exit_code=exit_code)
    data: bytes = import_module(f"wsdoctor.report.{form}").render(reports)
    return data


class _Stdout:
    """Standard output, for lines of bytes."""

    def write(self, data: bytes) -> None:
        _write_bytes(data)

    def flush(self) -> None:
        sys.stdout.flush()


def _write_bytes(data: bytes) -> None:
    """UTF-8, whatever the encoding of the terminal is."""
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(data.decode())
    else:
        buffer.write(data)
        buffer.flush()

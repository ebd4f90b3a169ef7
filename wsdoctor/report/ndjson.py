"""Reports as lines of JSON, written while the cases run.

The kinds of lines, by ``type``: ``header`` (tool, environment, command), ``planned`` (number of added
cases), ``case`` (one has run: each single moment of a sweep, which no other report holds), and at the
end ``finding``, ``suppressed``, ``note`` and ``verdict``. Each line is flushed, so the file has all
results even if the run ends early.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

import wsdoctor
from wsdoctor.diagnosis.finding import CaseResult
from wsdoctor.report.environment import environment
from wsdoctor.report.model import SCHEMA_VERSION, Report
from wsdoctor.report.redaction import redact_text

Line = dict[str, Any]


def render(reports: Sequence[Report]) -> bytes:
    """All lines at once, for who runs nothing: a sweep is then one line, as in the JSON report."""
    lines: list[Line] = [_header(reports[0].command if reports else "")]
    for report in reports:
        lines += (_case(case, report.target.spec) for case in report.cases)
    return b"".join(map(_encoded, (*lines, *_conclusions(reports))))


class Sink(Protocol):
    """A file, as far as lines need one."""

    def write(self, data: bytes, /) -> object: ...

    def flush(self) -> object: ...


class Stream:
    """Told how far a run is (explore's Progress), it writes a line to ``file`` for each case.

    ``secrets`` are the texts that must not be written.
    """

    def __init__(self, file: Sink, command: str, secrets: Sequence[str]) -> None:
        self._file = file
        self._secrets = secrets
        self._write([_header(redact_text(command, secrets))])

    def planned(self, total: int) -> None:
        if total:
            self._write([{"type": "planned", "cases": total}])

    def case_done(self, result: CaseResult) -> None:
        result = replace(result, note=redact_text(result.note, self._secrets))
        self._write([_case(result, None)])

    def build_report(self, reports: Sequence[Report]) -> None:
        """Write what comes at the end; ``reports`` hold no secrets any more."""
        self._write(_conclusions(reports))

    def _write(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self._file.write(_encoded(line))
            self._file.flush()


def _header(command: str) -> Line:
    return {
        "type": "header",
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "wsdoctor", "version": wsdoctor.__version__},
        "environment": environment(),
        "command": command,
    }


def _case(result: CaseResult, target: str | None) -> Line:
    about = {} if target is None else {"target": target}
    return {"type": "case", **about, **msgspec.to_builtins(result)}


def _conclusions(reports: Sequence[Report]) -> Iterator[Line]:
    for report in reports:
        target = report.target.spec
        for finding in report.findings:
            yield {"type": "finding", "target": target, **msgspec.to_builtins(finding)}
        for item in report.suppressed:
            yield {"type": "suppressed", "target": target, **msgspec.to_builtins(item)}
        for note in report.notes:
            yield {"type": "note", "target": target, "text": note}
        yield {
            "type": "verdict",
            "target": target,
            "verdict": report.verdict,
            "markers": msgspec.to_builtins(report.markers),
            "moments": msgspec.to_builtins(report.coverage.moments),
            "declared": msgspec.to_builtins(report.declared),
            "interrupted": report.interrupted,
            "duration_seconds": report.duration_seconds,
        }


def _encoded(line: Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"

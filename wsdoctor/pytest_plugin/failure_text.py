"""What a failing test says: the findings as the command prints them, or what is not known, and why."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wsdoctor.diagnosis.finding import GRAVITY, CaseResult, Finding, Severity
from wsdoctor.diagnosis.rules import compares_servers
from wsdoctor.engine.incremental import Cell
from wsdoctor.plan.servers import short_name
from wsdoctor.report.model import Report
from wsdoctor.report.replay_command import replay_command, target_words
from wsdoctor.report.summary import shows
from wsdoctor.report.text import render_finding
from wsdoctor.report.wording import place_of, rule_name


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result for one piece: ``findings`` that fail it, or the reason why it is ``undecided``."""

    findings: tuple[Finding, ...] = ()
    undecided: str = ""

    @property
    def healthy(self) -> bool:
        return not self.findings and not self.undecided


def judge(report: Report, piece: Cell, fail_on: Severity, *, first: Cell) -> Judgement:
    """The Judgement on ``piece`` from the ``report`` on its route, silenced as it is to be.

    ``first`` is the first piece of the route: it answers for what shows on none.
    """
    rows = [row for row in report.cases if (row.server, row.kind) == (piece.server, piece.kind)]
    failing = [item for item in report.findings if GRAVITY[item.severity] >= GRAVITY[fail_on]]
    if not rows:
        return Judgement(
            tuple(report.findings), "" if report.findings else _why(report, report.cases)
        )
    here = [item for item in failing if shows(item, *piece) and _had_part(item, rows)]
    if piece == first:
        here += [item for item in failing if not _shows_anywhere(item, report)]
    if here:
        return Judgement(tuple(here))
    if any(row.verdict in {"inconclusive", "nothing-checked"} for row in rows):
        return Judgement(undecided=_why(report, rows))
    defective = any(row.verdict == "defective" for row in rows)
    explained = any(row.verdict != "healthy" for row in report.cases)
    if report.verdict == "inconclusive" and (defective or not explained):
        return Judgement(undecided=_why(report, rows))
    return Judgement()


def _had_part(finding: Finding, rows: Sequence[CaseResult]) -> bool:
    """Whether the cases of ``rows`` are among those that ``finding`` was found in.

    It names its servers and its kinds of disconnect, not which it was with which.
    """
    return (
        finding.severity == "info"
        or compares_servers(finding.code)
        or any(row.verdict == "defective" for row in rows)
    )


def _shows_anywhere(finding: Finding, report: Report) -> bool:
    return any(shows(finding, row.route, row.server, row.kind) for row in report.cases)


def _why(report: Report, rows: Sequence[CaseResult]) -> str:
    reasons = dict.fromkeys(row.note for row in rows if row.note)
    if any(row.verdict == "defective" for row in rows) and not reasons:
        return "what was found did not come up again on real sockets"
    return "; ".join(reasons or report.notes) or "nothing of it was run"


def width() -> int:
    """The width of the text: that of the terminal, as far as it is known."""
    return shutil.get_terminal_size().columns


def text_of(report: Report, fail_on: Severity) -> str:
    """The text of ``report`` for a test that it fails."""
    failing = [item for item in report.findings if GRAVITY[item.severity] >= GRAVITY[fail_on]]
    if failing:
        return "\n".join(render_finding(report, finding, width=width()) for finding in failing)
    reasons = dict.fromkeys([*(row.note for row in report.cases if row.note), *report.notes])
    return "\n- ".join((f"{report.verdict.replace('-', ' ')}: {report.target.spec}", *reasons))


def in_full(report: Report, judgement: Judgement, piece: Cell) -> str:
    """The text of ``judgement``, with the findings as ``wsdoctor check`` prints them."""
    blocks = [render_finding(report, finding, width=width()) for finding in judgement.findings]
    return "\n".join((*blocks, *_undecided(report, judgement, piece)))


def in_brief(report: Report, judgement: Judgement, piece: Cell, told_at: str = "") -> str:
    """The same for who has read it already, of the item ``told_at``, or wants no more."""
    lines = []
    for finding in judgement.findings:
        lines += [headline(finding), *_place(finding), replay_command(report, finding)]
    if told_at:
        lines.append(f"shown in full: {told_at}")
    return "\n".join((*lines, *_undecided(report, judgement, piece)))


def _place(finding: Finding) -> Iterator[str]:
    if (where := finding.location) is not None:
        yield f"{place_of(where)} in {where.function}: {where.snippet.strip()}"


def headline(finding: Finding) -> str:
    """The rule and the message of ``finding``, in one line."""
    return f"{rule_name(finding.code)}: {' '.join(finding.message.split())}"


def _undecided(report: Report, judgement: Judgement, piece: Cell) -> Iterator[str]:
    if not judgement.undecided:
        return
    command = [
        *("wsdoctor", "check", *target_words(report.target)),
        *("--path", piece.route, "--ws", short_name(piece.server)),
        *("--disconnect", piece.kind, "--verbose"),
    ]
    yield f"inconclusive, which is no pass: {judgement.undecided}"
    yield f"to see every case of it: {shlex.join(command)}"

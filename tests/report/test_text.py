"""The text report, as people see it: 80 columns, no colour."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import replace
from rich.console import Console
from rich.text import Text

from tests.report.samples import (
    DEFECTIVE,
    FINDING,
    FINGERPRINT,
    HEALTHY,
    NOTHING,
    TIMELINE,
    case,
    variant,
)
from wsdoctor.report import text
from wsdoctor.report.model import Timeline
from wsdoctor.report.timeline_rows import MOST_ROWS, condensed

REPORTS = {
    "defective": [DEFECTIVE],
    "healthy": [HEALTHY],
    "nothing-checked": [NOTHING],
    "interrupted": [replace(DEFECTIVE, interrupted=True, findings=(), cases=DEFECTIVE.cases[:2])],
    "naive beside fixed": [
        variant(DEFECTIVE, "naive", "WSD201"),
        variant(HEALTHY, "fixed"),
    ],
    "many variants": [
        variant(DEFECTIVE, "naive", "WSD201"),
        variant(HEALTHY, "listen-for-disconnect"),
        variant(HEALTHY, "no-listen", "WSD204", as_declared=False),
    ],
}


@pytest.mark.parametrize("name", REPORTS)
def test_the_text_of(name, snapshot):
    assert _stripped(text.render(REPORTS[name], width=80)) == snapshot


def test_every_case_with_verbose(snapshot):
    shown = replace(DEFECTIVE, findings=(), cases=DEFECTIVE.cases[:3])
    assert _stripped(text.render([shown], width=80, verbose=True)) == snapshot


@pytest.mark.parametrize("reports", REPORTS.values(), ids=REPORTS)
def test_the_verdict_is_the_last_line(reports):
    assert text.render(reports, width=80).splitlines()[-1].startswith("verdict: ")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_path_is_never_cut(width):
    assert FINDING.location is not None
    place = f"{FINDING.location.file}:{FINDING.location.line}"
    assert place in text.render([DEFECTIVE], width=width)


def test_prose_keeps_to_the_width():
    for line in _stripped(text.render([DEFECTIVE], width=80)).splitlines():
        # A path or a command is never broken: it is there to be copied.
        assert len(line) <= 80 or "a/rather/long/path" in line or "wsdoctor replay" in line


def test_the_words_are_the_same_with_colour():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="truecolor", width=80,
                      highlight=False, markup=False, emoji=False)  # fmt: skip
    text.print_reports([DEFECTIVE], console)
    coloured = file.getvalue()
    assert "\x1b[" in coloured
    assert Text.from_ansi(coloured).plain.split() == text.render([DEFECTIVE], width=80).split()


def test_control_characters_of_the_application_are_spelled_out():
    hostile = replace(
        FINDING, message="\x1b[2Jgone", evidence=("log\x07 \x9b31m",), remedy="a\x1bb"
    )
    rows = ((0.0, "log", "\x1b]0;title\x07", True),)
    report = replace(
        DEFECTIVE, findings=(hostile,), timelines={FINGERPRINT: replace(TIMELINE, rows=rows)}
    )
    shown = text.render([report], width=80)
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)
    assert r"\x1b[2Jgone" in shown


def test_several_routes_have_a_matrix_each_and_healthy_ones_a_line():
    other = tuple(replace(c, route="/chat", id=c.id.replace("/ws", "/chat")) for c in HEALTHY.cases)
    shown = text.render([replace(DEFECTIVE, cases=DEFECTIVE.cases + other)], width=80)
    assert "healthy     /chat" in shown
    assert "36 cases = 2 routes x 3 servers" in shown


def test_a_matrix_with_holes_says_up_to():
    one, *_ = HEALTHY.cases
    lone = case(kind="before-accept", moment="handshake")
    shown = text.render([replace(HEALTHY, cases=(one, lone))], width=80)
    assert "2 cases = 1 route x 1 server x 2 kinds of disconnect x up to 2 moments" in " ".join(
        shown.split()
    )


def test_a_long_timeline_keeps_its_beginning_and_the_faulty_row():
    rows = tuple((float(i), "app", f"row {i}", i == 70) for i in range(100))
    kept, left_out = condensed(Timeline(case="x", rows=rows).rows)
    assert len(kept) == MOST_ROWS
    assert kept[0] == rows[0]
    assert rows[70] in kept
    assert left_out.position == 4
    assert kept[left_out.position] == rows[left_out.position + left_out.rows]


def _stripped(shown: str) -> str:
    """Without the spaces that rich pads its tables with."""
    return "\n".join(line.rstrip() for line in shown.splitlines())

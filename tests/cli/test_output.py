"""Where reports go, and what is said meanwhile."""

from __future__ import annotations

import json

import pytest

from tests.report.samples import DEFECTIVE, HEALTHY, case
from wsdoctor.cli import output
from wsdoctor.cli.errors import InputError
from wsdoctor.cli.progress import progress


def test_files_beside_standard_output(tmp_path, capsys):
    files = output.report_files([f"json={tmp_path / 'r.json'}", f"text={tmp_path / 'r.txt'}"])
    output.write([DEFECTIVE], stdout="text", files=files, verbose=False)
    assert "verdict: defective" in capsys.readouterr().out
    assert json.loads((tmp_path / "r.json").read_bytes())["verdict"] == "defective"
    assert "verdict: defective" in (tmp_path / "r.txt").read_text(encoding="utf-8")


def test_json_is_all_that_standard_output_gets(capsys):
    output.write([HEALTHY], stdout="json", files=(), verbose=False)
    assert json.loads(capsys.readouterr().out)["verdict"] == "healthy"


def test_a_file_that_cannot_be_written_after_all(tmp_path):
    files = output.report_files([f"json={tmp_path / 'x'}"])
    (tmp_path / "x").mkdir()
    with pytest.raises(InputError, match="--report cannot write"):
        output.write([HEALTHY], stdout="json", files=files, verbose=False)


@pytest.mark.parametrize(
    "variable, value, coloured",
    [("NO_COLOR", "1", False), ("FORCE_COLOR", "1", True), ("CI", "true", False)],
)
def test_colour(variable, value, coloured, monkeypatch, capsys):
    for name in ("NO_COLOR", "FORCE_COLOR", "CI", "TERM", "COLORTERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    output.write([HEALTHY], stdout="text", files=(), verbose=False)
    shown = capsys.readouterr().out
    assert ("\x1b[" in shown) is coloured
    assert "healthy" in shown


@pytest.mark.parametrize("quiet", [True, False])
def test_progress_of_a_short_run_says_nothing_without_a_terminal(quiet, capsys):
    with progress("check", quiet=quiet) as shown:
        shown.planned(2)
        shown.case_done(case())
    assert capsys.readouterr() == ("", "")


def test_progress_of_a_long_run_is_a_line_now_and_then(monkeypatch, capsys):
    clock = iter(range(0, 1000, 6))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    with progress("check") as shown:
        shown.planned(4)
        for verdict in ("healthy", "defective", "healthy", "healthy"):
            shown.case_done(case(verdict=verdict))
    assert capsys.readouterr().err.splitlines() == [
        "wsdoctor: check: 1 of 4 cases",
        "wsdoctor: check: 3 of 4 cases, 1 with findings",
    ]


def test_progress_on_a_terminal_is_a_bar(monkeypatch, capsys):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress("check") as shown:
        shown.planned(2)
        shown.case_done(case(verdict="defective"))
    said = capsys.readouterr()
    assert said.out == ""
    assert "1 of 2 cases, 1 with findings" in said.err

"""Where reports go, and what is said meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.report.samples import DEFECTIVE, HEALTHY, case
from wsdoctor.cli import output
from wsdoctor.cli.progress import progress
from wsdoctor.options.parse import InputError
from wsdoctor.options.reporting import Reporting
from wsdoctor.report.formats import FORMATS


@pytest.fixture(autouse=True)
def _not_in_actions(monkeypatch):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def test_files_beside_standard_output(tmp_path, capsys):
    files = output.report_files(
        Reporting(reports=(f"json={tmp_path / 'r.json'}", f"text={tmp_path / 'r.txt'}"))
    )
    output.write([DEFECTIVE], Reporting(), files=files)
    assert "verdict: defective" in capsys.readouterr().out
    assert json.loads((tmp_path / "r.json").read_bytes())["verdict"] == "defective"
    assert "verdict: defective" in (tmp_path / "r.txt").read_text(encoding="utf-8")


def test_json_is_all_that_standard_output_gets(capsys):
    output.write([HEALTHY], Reporting(format="json"), files=())
    assert json.loads(capsys.readouterr().out)["verdict"] == "healthy"


def test_a_file_that_cannot_be_written_after_all(tmp_path):
    files = output.report_files(Reporting(reports=(f"json={tmp_path / 'x'}",)))
    (tmp_path / "x").mkdir()
    with pytest.raises(InputError, match="--report cannot write"):
        output.write([HEALTHY], Reporting(format="json"), files=files)


def test_every_format_can_be_written(tmp_path, capsys):
    files = output.report_files(
        Reporting(reports=tuple(f"{name}={tmp_path / name}" for name in FORMATS))
    )
    with output.live(files, command="wsdoctor check") as live:
        output.write([DEFECTIVE], Reporting(), files=files, live=live)
    assert {path.name for path in tmp_path.iterdir()} == set(FORMATS)
    assert all(path.stat().st_size > 100 for path in tmp_path.iterdir())
    assert "verdict: defective" in capsys.readouterr().out


def test_nothing_is_written_when_it_is_only_asked_for(tmp_path):
    (tmp_path / "old").write_text("as it was")
    output.report_files(Reporting(reports=(f"json={tmp_path / 'old'}", f"html={tmp_path / 'new'}")))
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "as it was"


@pytest.mark.parametrize(
    "values, said",
    [
        (["jsn=x"], "knows no format 'jsn' (did you mean 'json'?): there are json, text, html"),
        (["json"], "is written FORMAT=PATH"),
        (["json=no/such/folder"], "there is no folder"),
        (["json=."], "it is a directory"),
        (["json=\0"], "cannot write"),
        (["json=x", "html=./x"], "json=… and html=… both go to 'x'"),
        (["json=-", "html=-"], "both go to standard output"),
    ],
)
def test_a_report_that_cannot_be(values, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        output.report_files(Reporting(reports=tuple(values)))
    assert said in str(caught.value)


def test_a_report_cannot_stand_where_json_stands():
    with pytest.raises(InputError, match="both go to standard output"):
        output.report_files(Reporting(reports=("html=-",), format="json"))


def test_a_report_takes_the_place_of_the_text(capsys):
    output.write(
        [DEFECTIVE], Reporting(), files=output.report_files(Reporting(reports=("gitlab=-",)))
    )
    assert json.loads(capsys.readouterr().out)[0]["check_name"] == "WSD201"


def test_annotations_follow_the_text(capsys):
    output.write(
        [DEFECTIVE], Reporting(), files=output.report_files(Reporting(reports=("github=-",)))
    )
    shown = capsys.readouterr().out
    assert shown.index("verdict: defective") < shown.index("::error file=")


@pytest.fixture
def actions(tmp_path, monkeypatch):
    """As in GitHub Actions; the file of the job's summary."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary")
    (tmp_path / "summary").write_text("of another step\n")
    return tmp_path / "summary"


@pytest.mark.parametrize(
    "stdout, reports, annotated",
    [("text", [], True), ("json", [], False), ("text", ["github=x"], False)],
)
def test_in_github_actions(stdout, reports, annotated, actions, capsys):
    files = output.report_files(Reporting(reports=tuple(reports)))
    output.write([DEFECTIVE], Reporting(format=stdout), files=files)
    assert ("::error file=" in capsys.readouterr().out) is annotated
    summary = actions.read_text(encoding="utf-8")
    assert summary.startswith("of another step\n## wsdoctor: naive.py:app: defective")


def test_a_summary_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    with pytest.raises(InputError, match="GITHUB_STEP_SUMMARY names"):
        output.write([HEALTHY], Reporting(), files=())


def test_lines_are_in_the_file_while_cases_run(tmp_path):
    files = output.report_files(Reporting(reports=(f"ndjson={tmp_path / 'x'}",)))
    with progress("check", quiet=True) as shown, output.live(files, command="c") as live:
        told = live.beside(shown)
        told.planned(2)
        told.case_done(case())
        lines = [json.loads(line) for line in (tmp_path / "x").read_text().splitlines()]
        assert [line["type"] for line in lines] == ["header", "planned", "case"]
        output.write([HEALTHY], Reporting(format="json"), files=files, live=live)
    lines = [json.loads(line) for line in (tmp_path / "x").read_text().splitlines()]
    assert [line["type"] for line in lines] == ["header", "planned", "case", "verdict"]


@pytest.mark.parametrize("typed, offered", [("h", {"html="}), ("js", {"json="}), ("x", set())])
def test_the_shell_completes_formats_and_imports_no_application(typed, offered):
    probe = (
        "import sys; from wsdoctor.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    environment = os.environ | {
        "_WSDOCTOR_COMPLETE": "complete_bash",
        "COMP_WORDS": f"wsdoctor check --report {typed}",
        "COMP_CWORD": "3",
    }
    done = subprocess.run(
        [sys.executable, "-c", probe], env=environment, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == offered
    assert not {"litestar", "uvicorn", "jinja2"} & set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "variable, value, coloured",
    [("NO_COLOR", "1", False), ("FORCE_COLOR", "1", True), ("CI", "true", False)],
)
def test_colour(variable, value, coloured, monkeypatch, capsys):
    for name in ("NO_COLOR", "FORCE_COLOR", "CI", "TERM", "COLORTERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    output.write([HEALTHY], Reporting(), files=())
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

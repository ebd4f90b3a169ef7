"""Every way to call it wrongly is one sentence on stderr and the right exit code."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from wsdoctor.cli import app as cli
from wsdoctor.cli.app import main
from wsdoctor.cli.errors import report_failure
from wsdoctor.plan.errors import PlanError
from wsdoctor.target import TargetError, TargetImportError

SECRET = "hunter2"  # noqa: S105 - the value that must not be repeated


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["expain"], "No such command 'expain'. Did you mean 'explain'?"),
        (["check"], "there is no app in"),
        (["check", "a:b", "--nope"], "No such option"),
        (["check", "a:b", "--grace", "soon"], "'--grace'"),
        (["check", "a:b", "--grace", "0"], "--grace takes a number of seconds above 0"),
        (["check", "a:b", "--grace", "1e9"], "--grace takes no more than 100 seconds"),
        (["check", "a:b", "--startup-time", "nan"], "--startup-time takes a number of seconds"),
        (["check", "a:b", "--answer-time", "0"], "--answer-time takes a number of seconds above 0"),
        (["replay", "x", "a:b", "--answer-time", "1e9"], "--answer-time takes no more than 100"),
        (["check", "a:b", "--script", "sleep 1e9"], "sleep in --script takes no more than 3600"),
        (["check", "a:b", "--fail-on", "panic"], "is not one of 'error', 'warning', 'info'"),
        (["check", "a:b", "--format", "xml"], "is not one of 'text', 'json'"),
        (["check", "a:b", "-H", f"Authorization {SECRET}"], "with a colon after the name"),
        (["check", "-H", "Authorization:", "Bearer", SECRET], "one word too many"),
        (["check", "a:b", "--cookie", SECRET], "a --cookie is written name=value"),
        (["check", "a:b", "--query", SECRET], "a --query is written key=value"),
        (["check", "a:b", "--path-param", "x"], "a --path-param is written name=value"),
        (["check", "a:b", "--send-json", "{"], "the value of --send-json is not JSON"),
        (["check", "a:b", "--send-bytes", "abc"], "the value of --send-bytes is not hexadecimal"),
        (["check", "a:b", "--send-file", "no/such"], "--send-file cannot read 'no/such'"),
        (["check", "a:b", "--script", "jump"], "'jump' is no step of a --script"),
        (["check", "a:b", "--script", "no/such.txt"], "there is no such file"),
        (["check", "a:b", "--report", "out.json"], "a --report is written FORMAT=PATH"),
        (["check", "a:b", "--report", "jsn=x"], "(did you mean 'json'?): there are json, text"),
        (["check", "a:b", "--report", "json=no/such/x"], "there is no folder"),
        (["run", "--report", "json=."], "it is a directory"),
        (["run", "--all", "--variant", "naive"], "--all already means every variant"),
        (["run", "--variant", "fixed,niave"], "did you mean 'naive'?"),
        (["run", "--ws", "wsprotto"], "did you mean"),
        (["run", "--disconnect", "abrot"], "did you mean 'abort'?"),
        (["run", "--disconnect", "close:1006"], "is no kind of disconnect"),
        (["run", "--at", "after:0"], "unknown moment"),
        (["list", "everything"], "is not one of 'variants'"),
        (["explain"], "Missing argument 'RULE|TEXT'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input(arguments, sentence, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("wsdoctor: ")
    assert len(said.err.splitlines()) == 1
    assert sentence in said.err
    assert SECRET not in said.err


@pytest.mark.parametrize("kind", [PlanError, TargetError])
def test_bad_names_and_targets(kind, capsys):
    assert report_failure(kind("there is no such thing")) == 2
    assert capsys.readouterr().err == "wsdoctor: there is no such thing\n"


def test_the_traceback_of_an_import_stands_above_the_sentence(capsys):
    error = TargetImportError(
        "importing 'app' failed", "Traceback (most recent call last):\n  NameError\n"
    )
    assert report_failure(error) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1] == "wsdoctor: importing 'app' failed"


class _Broken:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, *args: object, **kwargs: object) -> int:
        raise self.error


@pytest.fixture
def broken(monkeypatch):
    """Make every command raise what the test says."""

    def make(error: BaseException) -> None:
        monkeypatch.setattr(cli, "assemble", lambda arguments: _Broken(error))

    return make


def test_an_internal_error_is_a_sentence(broken, capsys, monkeypatch):
    monkeypatch.delenv("WSDOCTOR_DEBUG", raising=False)
    broken(KeyError("x"))
    assert main(["list"]) == 3
    said = capsys.readouterr().err
    assert said.startswith("wsdoctor: internal error: KeyError: 'x'")
    assert "Traceback" not in said


def test_an_internal_error_with_its_traceback(broken, capsys, monkeypatch):
    monkeypatch.setenv("WSDOCTOR_DEBUG", "1")
    broken(KeyError("x"))
    assert main(["list"]) == 3
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_ctrl_c(broken, capsys):
    broken(KeyboardInterrupt())
    assert main(["list"]) == 130
    assert capsys.readouterr().err == "wsdoctor: interrupted\n"


@pytest.mark.parametrize("where", ["before", "behind"])
def test_debug_stands_before_or_behind_the_command(where, monkeypatch, capsys):
    monkeypatch.setenv("WSDOCTOR_DEBUG", "")
    arguments = ["check", "a:b", "--cookie", "x"]
    main(["--debug", *arguments] if where == "before" else [*arguments, "--debug"])
    assert os.environ["WSDOCTOR_DEBUG"] == "1"
    assert "a --cookie is written" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is another error there")
def test_a_closed_pipe_is_no_error():
    done = subprocess.run(  # noqa: S602 - the pipe is the point
        f"{sys.executable} -m wsdoctor list rules | true",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""

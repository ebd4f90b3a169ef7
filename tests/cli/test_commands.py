"""Commands that run nothing: help, list, explain, schema, env; and how they import."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator

from wsdoctor import __version__
from wsdoctor.cli.app import COMMANDS, main
from wsdoctor.diagnosis.rule import DOCUMENTATION
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.plan.kinds import KINDS
from wsdoctor.plan.moments import MOMENTS
from wsdoctor.plan.servers import SERVERS

HEAVY = {"litestar", "uvicorn", "websockets", "wsproto", "starlette", "asyncio", "rich"}

PROBE = """
import sys
from wsdoctor.__main__ import main
code = main()
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    "arguments, allowed",
    [
        (["--version"], set()),
        (["--help"], {"asyncio", "rich"}),  # typer's own help is made by rich
        (["check", "--help"], {"asyncio", "rich"}),
        (["list"], {"asyncio"}),  # pydantic, which typer imports to run a command, may import it
        (["explain", "WSD201"], {"asyncio"}),
        (["explain", "nonsense"], {"asyncio"}),
        (["schema"], {"asyncio"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_short_commands_import_no_server(arguments, allowed):
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=False
    )
    imported = set(done.stderr.splitlines()[-1].split())
    assert imported & HEAVY <= allowed


def test_commands_run_with_the_garbage_collector_on():
    probe = "import gc; from wsdoctor.__main__ import main; main(); print(gc.isenabled())"
    done = subprocess.run(
        [sys.executable, "-c", probe, "list", "kinds"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "True"


def test_the_module_runs_too():
    done = subprocess.run(
        [sys.executable, "-m", "wsdoctor", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"wsdoctor {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_every_command(arguments, capsys):
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    for command in COMMANDS:
        assert f" {command} " in shown
    assert "130 interrupted" in " ".join(shown.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"wsdoctor {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "section, names",
    [("servers", SERVERS), ("kinds", KINDS), ("moments", MOMENTS), ("rules", RULES)],
)
def test_list(section, names, capsys):
    assert main(["list", section]) == 0
    shown = capsys.readouterr().out
    for name in names:
        assert f"  {name} " in shown


def test_list_of_everything(capsys):
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    for title in ("VARIANTS", "SERVERS", "KINDS", "MOMENTS", "RULES"):
        assert title in shown.splitlines()
    assert "  naive " in shown


@pytest.mark.parametrize("code", RULES)
def test_explain(code, capsys):
    assert main(["explain", code]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0] == f"{code} {RULES[code].name}"
    assert "Why it matters" in shown
    assert f"# wsdoctor: ignore[{code}] reason" in shown
    assert f'ignore = ["{code}"]' in shown
    assert DOCUMENTATION["litestar"] in shown
    assert ("What each server shows" in shown) is bool(RULES[code].bad)
    for server, mark in RULES[code].shown.items():
        assert f"  {server:<28}{mark}\n" in shown


def test_explain_has_a_remedy_for_each_kind_of_code_and_says_nothing_twice(capsys):
    assert main(["explain", "WSD301"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Remedy (litestar) " in shown
    assert "Remedy (litestar, in a `connection_lifespan`)" in shown
    assert "Remedy (litestar, in the methods of a listener or endpoint class)" in shown
    assert shown.count("`asyncio.wait` does not raise what the task ended with") == 1
    assert shown.count("await asyncio.wait([task])") == 4, "the fixed example and three remedies"


@pytest.mark.parametrize("name", ["unhandled-disconnect", "wsd201", "Unhandled-Disconnect"])
def test_explain_by_any_name(name, capsys):
    assert main(["explain", name]) == 0
    assert "WSD201 unhandled-disconnect" in capsys.readouterr().out


def test_explain_in_the_words_of_a_framework(capsys):
    assert main(["explain", "WSD201", "--framework", "starlette"]) == 0
    assert "Remedy (starlette)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "unknown, meant",
    [("WSD2010", "WSD201"), ("unhandled-disconect", "unhandled-disconnect")],
)
def test_explain_what_does_not_exist(unknown, meant, capsys):
    assert main(["explain", unknown]) == 2
    assert f"there is no rule {unknown!r} (did you mean {meant!r}?)" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--settings"]])
def test_schema(arguments, capsys):
    assert main(["schema", *arguments]) == 0
    Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))


def test_env(capsys):
    assert main(["env"]) == 0
    shown = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert shown["wsdoctor"].strip() == __version__
    assert shown["uvicorn --ws auto"].strip() in SERVERS

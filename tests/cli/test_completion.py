"""What a shell completes, through the protocol that the shell speaks; the application is not touched."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from wsdoctor.cli.app import COMMANDS, main
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.engine.catalogue import catalogue
from wsdoctor.plan.kinds import COMES_BACK, DEFAULT_KINDS, parse_kind
from wsdoctor.plan.moments import NAMED, TIMER, parse_moment
from wsdoctor.plan.servers import SERVERS, parse_server
from wsdoctor.report.formats import FORMATS

PROBE = """
import sys
from wsdoctor.__main__ import main
try:
    code = main()
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
FORBIDDEN = {"litestar", "uvicorn", "websockets", "wsproto", "starlette", "fastapi", "app"}

CODES = list(RULES)
RULE_NAMES = [rule.name for rule in RULES.values()]
SHORT_SERVERS = [name.partition(":")[2] for name in SERVERS]


@pytest.fixture
def complete(tmp_path):
    """What bash is offered for the last word of a line."""
    (tmp_path / "app.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "pyproject.toml").write_text("[tool.wsdoctor]\nno-such-key = 1\n")

    def run(line):
        environment = os.environ | {
            "_WSDOCTOR_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
        }
        done = subprocess.run(
            [sys.executable, "-c", PROBE],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        (modules,) = done.stderr.splitlines()
        assert not FORBIDDEN & set(modules.split())
        return done.stdout.split()

    return run


@pytest.mark.parametrize(
    "line, offered",
    [
        ("wsdoctor ", list(COMMANDS)),
        ("wsdoctor ex", ["explain"]),
        ("wsdoctor run --variant ", [variant.name for variant in catalogue()]),
        ("wsdoctor run --variant naive,fix", ["naive,fixed"]),
        ("wsdoctor replay --variant nai", ["naive"]),
        ("wsdoctor explain ", [*CODES, *RULE_NAMES]),
        ("wsdoctor explain WSD201", ["WSD201"]),
        ("wsdoctor explain unhandled", ["unhandled-disconnect"]),
        ("wsdoctor check app.py:app --select WSD50", ["WSD501", "WSD502"]),
        ("wsdoctor check app.py:app --ignore WSD201,WSD50", ["WSD201,WSD501", "WSD201,WSD502"]),
        ("wsdoctor check --ws ", [*SHORT_SERVERS, *SERVERS]),
        ("wsdoctor check --ws wsp", ["wsproto"]),
        ("wsdoctor check --disconnect ", [*DEFAULT_KINDS, *COMES_BACK]),
        ("wsdoctor check --disconnect close,ab", ["close,abort"]),
        ("wsdoctor check --at ", [*NAMED, TIMER]),
        ("wsdoctor check --depth ", ["quick", "full"]),
        ("wsdoctor check --clock ", ["virtual", "wall"]),
        ("wsdoctor check --format ", ["text", "json"]),
        ("wsdoctor check --fail-on ", ["error", "warning", "info"]),
        ("wsdoctor check --report ", [f"{name}=" for name in FORMATS]),
        ("wsdoctor check --report sa", ["sarif="]),
        ("wsdoctor list s", ["servers"]),
        ("wsdoctor check --baseline-", ["--baseline-update"]),
    ],
)
def test_completion(complete, line, offered):
    assert complete(line) == offered


def test_what_is_offered_is_understood():
    assert list(map(parse_kind, DEFAULT_KINDS)) == list(DEFAULT_KINDS)
    assert list(map(parse_moment, NAMED)) == list(NAMED)
    assert list(map(parse_server, SHORT_SERVERS)) == list(SERVERS)


def test_it_can_be_installed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "wsdoctor", "--install-completion", "bash"],
        env=os.environ
        | {
            "HOME": str(tmp_path),
            "USERPROFILE": str(tmp_path),
            "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (script,) = tmp_path.rglob("wsdoctor.sh")
    assert "_WSDOCTOR_COMPLETE=complete_bash" in script.read_text()


def test_help_names_it(capsys):
    assert main(["--help"]) == 0
    assert "--install-completion" in capsys.readouterr().out

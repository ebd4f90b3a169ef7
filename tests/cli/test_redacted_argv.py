"""The command line in a report is without secrets."""

from __future__ import annotations

import pytest
import typer
from typer.core import TyperGroup

from wsdoctor.cli import redacted_argv
from wsdoctor.cli.app import assemble
from wsdoctor.cli.redacted_argv import Invocation, redact_command


@pytest.mark.parametrize(
    "given, written",
    [
        (["-H", "Authorization: Bearer x"], ["-H", "Authorization: ***"]),
        (["-HAuthorization: Bearer x"], ["-HAuthorization: ***"]),
        (["-vH", "A: x"], ["-vH", "A: ***"]),
        (["-vHA: x"], ["-vHA: ***"]),
        (["--header=A: x"], ["--header=A: ***"]),
        (["--header", "no colon"], ["--header", "***"]),
        (["--cookie", "a=1; b=x=y"], ["--cookie", "a=***; b=***"]),
        (["--cookie=a=1"], ["--cookie=a=***"]),
        (["--query", "a=1&b=2"], ["--query", "a=***&b=***"]),
        (["--query", "?a=1"], ["--query", "?a=***"]),
        (["--query", "x"], ["--query", "***"]),
        (["--path", "/ws?token=x&y"], ["--path", "/ws?token=***&***"]),
        (["--path", "/ws"], ["--path", "/ws"]),
        (["--send", "-H", "--header", "A: x"], ["--send", "-H", "--header", "A: ***"]),
        (["-H", "-H", "-H", "A: x"], ["-H", "***", "-H", "A: ***"]),
        (["-v", "--send=-H", "plain"], ["-v", "--send=-H", "plain"]),
        (["--", "-H", "x"], ["--", "-H", "x"]),
        (["--header"], ["--header"]),
    ],
)
def test_redacted(given, written):
    assert redact_command(["check", "app:app", *given]) == ["check", "app:app", *written]


def test_it_can_be_pasted():
    assert str(Invocation(["check", "a b.py:app", "-H", "A: x"])) == (
        "wsdoctor check 'a b.py:app' -H 'A: ***'"
    )


def test_every_option_with_a_value_is_known():
    """An option that is missing there could hide a header behind it."""
    group = typer.main.get_command(assemble())
    assert isinstance(group, TyperGroup)
    with_value: set[str] = set()
    flags: set[str] = set()
    for command in (group, *group.commands.values()):
        for parameter in command.params:
            if parameter.param_type_name == "option":
                (flags if getattr(parameter, "is_flag", False) else with_value).update(
                    parameter.opts
                )
    assert with_value == set(redacted_argv._with_value())
    short_flags = {name for name in flags if not name.startswith("--")} | {"-h"}
    assert {f"-{letter}" for letter in redacted_argv._short_flags()} == short_flags

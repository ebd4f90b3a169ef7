"""The declarations agree with each other, and with what is written down for type checkers."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from typer.main import get_command

import wsdoctor
from wsdoctor import cli
from wsdoctor.cli import completion
from wsdoctor.cli.app import COMMANDS, assemble
from wsdoctor.options.check import Keywords, Options, TargetOptions
from wsdoctor.options.commands import GROUPS
from wsdoctor.options.option import (
    HANDSHAKE,
    OUTPUT,
    PYTHON,
    RUN,
    Masked,
    Scope,
    every_spelling,
    options_of,
)
from wsdoctor.options.reporting import Reporting
from wsdoctor.pytest_plugin import pytest_addoption
from wsdoctor.recording.case import Step

KEYWORDS = {
    item.name: item
    for group in (TargetOptions, Options)
    for item in options_of(group, PYTHON)
    if item.flags
}


def test_the_keywords_of_python_are_the_options():
    assert set(Keywords.__annotations__) == set(KEYWORDS)


def test_the_keywords_have_the_types_of_the_options():
    """A collection may be given as any iterable, or as any mapping."""
    for name, kind in get_type_hints(Keywords, localns={"Step": Step}).items():
        declared = KEYWORDS[name].kind
        if declared == "tuple[Step, ...]" or get_origin(declared) is tuple:
            assert get_origin(kind) is Iterable or kind == Mapping[str, str] | None
        elif get_origin(declared) is dict:
            assert kind == Mapping[str, str] | None
        else:
            assert kind == declared, name


def test_python_shows_the_keywords_and_their_defaults():
    signature = inspect.signature(wsdoctor.check)
    target, *keywords = signature.parameters.values()
    assert target.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert {item.kind for item in keywords} == {inspect.Parameter.KEYWORD_ONLY}
    assert {item.name for item in keywords} == set(KEYWORDS)
    on_the_command_line = {
        item.name: item.default
        for group in (TargetOptions, Options)
        for item in options_of(group, "check")
    }
    for item in keywords:
        if item.name == "workers":
            assert item.default == 1, "an application object has one process"
        else:
            assert (item.default or None) == (on_the_command_line[item.name] or None), item.name


def test_an_unknown_keyword_is_an_error_as_of_any_function():
    with pytest.raises(TypeError, match=r"check\(\) got an unexpected keyword argument 'grac'"):
        wsdoctor.check("a:b", grac=1.0)  # type: ignore[call-arg]  # that is the point


def test_names_flags_and_keys_are_of_one_option():
    keys = [item.key for group in GROUPS for item in options_of(group) if item.key]
    assert len(keys) == len({*keys})
    for command in COMMANDS:
        found = get_command(assemble([command])).commands[command]  # type: ignore[attr-defined]  # it is a group
        flags = [flag for item in found.params for flag in (*item.opts, *item.secondary_opts)]
        assert len(flags) == len({*flags})


def test_commands_that_are_named_exist():
    named = {
        name
        for group in GROUPS
        for item in options_of(group)
        for name in (*(item.commands or ()), *item.defaults, *item.instead)
    }
    assert named <= {*COMMANDS, PYTHON}


def test_every_option_with_a_flag_is_of_some_command():
    given = {
        flag
        for command in get_command(assemble()).commands.values()  # type: ignore[attr-defined]  # it is a group
        for item in command.params
        for flag in item.opts
    }
    declared = {flag.partition("/")[0] for item in every_spelling(GROUPS) for flag in item.flags}
    assert declared <= given


def test_no_function_of_the_command_line_takes_many_parameters():
    """A command takes groups of options; ``Option`` is where an option has its details."""
    for path in Path(cli.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                assert len([*node.args.args, *node.args.kwonlyargs]) <= 7, f"{path}: {node.name}"


def test_the_words_of_declarations_exist():
    for item in every_spelling(GROUPS):
        assert item.scope in get_args(Scope)
        assert item.masked in get_args(Masked)
        assert item.panel in {None, RUN, HANDSHAKE, OUTPUT}
        assert not item.completion or hasattr(completion, item.completion)
        assert item.key in {"", item.name.replace("_", "-"), "disconnects"}


def test_the_options_of_pytest_are_like_those_of_check():
    """The plugin imports nothing for each run of pytest, so it repeats them."""
    added: dict[str, Any] = {}

    class Parser:
        def getgroup(self, *_):
            return self

        def addoption(self, name, **more):
            added[name] = more

    pytest_addoption(Parser())  # type: ignore[arg-type]  # all that is used of one
    for group, name in ((Options, "depth"), (Reporting, "fail_on")):
        (item,) = (item for item in options_of(group, "check") if item.name == name)
        repeated = added[f"--wsdoctor{item.flag.removeprefix('-')}"]
        assert repeated["choices"] == get_args(item.kind)
        assert repeated["help"].split()[:7] == item.help.split()[:7]

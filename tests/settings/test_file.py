from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.main import get_command

from tests.settings.table import PAGE, table
from wsdoctor.cli.app import assemble
from wsdoctor.settings.file import SettingsError, find, read
from wsdoctor.settings.schema import schema


def written(folder: Path, text: str, name: str = "wsdoctor.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("gracee = 1", "gracee: there is no such setting; did you mean 'grace'?"),
        ("app_dir = 'x'", "app_dir: there is no such setting; did you mean 'app-dir'?"),
        ("grace = 'long'", 'grace: a number above 0 is wanted here, not "long"'),
        ("grace = -1", "grace: a number above 0 is wanted here, not -1"),
        ("depth = 'ful'", 'depth: "quick" or "full" is wanted here, not "ful"'),
        ("servers = 'x'", 'servers: a list is wanted here, not "x"'),
        ("servers = ['x', 3]", "servers.[1]: a text is wanted here, not 3"),
        ("factory = 1", "factory: true or false is wanted here, not 1"),
        ("workers = 0", 'workers: a whole number from 1 on or "auto" is wanted here, not 0'),
        ("routes = 3", "routes: a table is wanted here, not 3"),
        ("routes.'/ws' = 3", 'routes."/ws": a table is wanted here, not 3'),
        ("[routes.'/ws']\nheader = {}", 'routes."/ws".header: there is no such setting; did'),
        (
            "[routes.'/ws'.headers]\na = 1",
            'routes."/ws".headers.a: a text is wanted here, not a number',
        ),
        ("headers = 'A: opensesame'", "headers: a table is wanted here, not a text"),
        ("headers = {A = '${NO}'}", "headers.A: the environment has no variable 'NO', which ${NO}"),
        ("x = [", "wsdoctor.toml is not valid TOML: "),
    ],
)
def test_a_mistake_is_a_sentence_with_the_path_of_its_key(tmp_path, text, sentence):
    with pytest.raises(SettingsError) as raised:
        read(written(tmp_path, text), {})
    assert sentence in str(raised.value)


def test_in_a_pyproject_the_path_begins_with_its_table(tmp_path):
    path = written(tmp_path, "[tool.wsdoctor]\ngrace = 'long'", "pyproject.toml")
    with pytest.raises(SettingsError, match=r"^pyproject\.toml: tool\.wsdoctor\.grace: a number"):
        read(path)


def test_variables_of_the_environment_are_filled_in_and_are_secrets(tmp_path):
    text = "[routes.'/ws'.headers]\nAuthorization = 'Bearer ${TOKEN}'\nX = '${A}-${A}'"
    given = read(written(tmp_path, text), {"TOKEN": "opensesame", "A": "alpha"})
    assert given.routes["/ws"]["headers"] == {
        "Authorization": "Bearer opensesame",
        "X": "alpha-alpha",
    }
    assert given.secrets == ("opensesame", "alpha")


def test_a_variable_may_be_missing_where_no_handler_is_reached(tmp_path):
    path = written(tmp_path, "baseline = 'known.json'\nheaders = {A = 'Bearer ${TOKEN}'}")
    given = read(path, {}, reaching=False)
    assert (given.values["baseline"], given.secrets) == ("known.json", ())


def test_a_sentence_about_a_value_does_not_hold_the_variable(tmp_path):
    with pytest.raises(SettingsError) as raised:
        read(written(tmp_path, "depth = '${TOKEN}'"), {"TOKEN": "opensesame"})
    assert "opensesame" not in str(raised.value)


def test_the_nearest_file_counts_and_a_pyproject_only_with_our_table(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    written(inner, "[tool.other]\n", "pyproject.toml")
    written(tmp_path, "[tool.wsdoctor]\ngrace = 2\n", "pyproject.toml")
    found = find(inner)
    assert found is not None
    assert found == tmp_path / "pyproject.toml"
    assert read(found).values["grace"] == 2
    own = written(tmp_path, "")
    assert find(inner) == own


def test_the_table_in_the_documentation_is_up_to_date():
    """If it is not: ``python -m tests.settings.table``."""
    assert table() in PAGE.read_text(encoding="utf-8")


def test_the_schema_accepts_what_is_accepted(tmp_path):
    judge = Draft202012Validator(schema())
    Draft202012Validator.check_schema(judge.schema)
    text = 'grace = 1\nworkers = "auto"\n[routes."/ws"]\nheaders = {A = "b"}\nscript = ["recv"]'
    read(written(tmp_path, text))
    judge.validate(tomllib.loads(text))


@pytest.mark.parametrize("text", ["gracee = 1", "grace = -1", "workers = 0", "routes.x.grace = 1"])
def test_the_schema_refuses_what_is_refused(tmp_path, text):
    with pytest.raises(SettingsError):
        read(written(tmp_path, text))
    assert not Draft202012Validator(schema()).is_valid(tomllib.loads(text))


def test_every_option_of_check_has_a_key_or_the_reason_is_reported():
    text = PAGE.read_text(encoding="utf-8")
    table, reasons = text.split("\nThese options have no key")
    reasons = reasons.split("\n\n")[0]
    command = get_command(assemble(["check"])).commands["check"]  # type: ignore[attr-defined]  # it is a group
    options = {
        (*parameter.secondary_opts, *parameter.opts)[0]
        for parameter in command.params
        if parameter.opts[0].startswith("-") and parameter.name != "help"
    }
    by_key = {option for option in options if f"`{option}` |" in table}
    told = {option for option in options if f"`{option}`" in reasons}
    assert options - by_key == told
    assert len(by_key) == sum(
        "`--" in line for line in table.splitlines() if line.startswith("| `")
    )

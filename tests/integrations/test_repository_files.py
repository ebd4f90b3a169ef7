"""What GitHub and pre-commit read in this repository: workflows, issue forms, and hooks for contributors."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import shares
from wsdoctor.cli.app import COMMANDS

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted(
    path
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")
    if path.name != "config.yml"
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


JOBS = [
    pytest.param(job, id=f"{path.stem}-{name}")
    for path in WORKFLOWS
    for name, job in read(path)["jobs"].items()
]
LINES = [
    pytest.param(line, id=f"{path.stem}-{name}-{line}")
    for path in WORKFLOWS
    for name, job in read(path)["jobs"].items()
    for step in job["steps"]
    for line in step.get("run", "").splitlines()
]


def workflow(name: str) -> dict[str, Any]:
    return read(ROOT / ".github" / "workflows" / f"{name}.yml")


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda p: p.stem)
def test_a_file_of_github_is_a_mapping(path):
    assert isinstance(read(path), dict)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read_and_does_not_run_twice_for_one_branch(path):
    assert read(path)["permissions"] == {"contents": "read"}
    assert "github.ref" in read(path)["concurrency"]["group"]
    assert "secrets." not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("job", JOBS)
def test_a_job_ends_in_time_names_its_permissions_and_pins_its_actions(job):
    assert 0 < job["timeout-minutes"] <= 360
    written = {name for name, right in job["permissions"].items() if right == "write"}
    assert written <= {"pages", "id-token"}
    for step in job["steps"]:
        action = step.get("uses")
        assert action is None or re.fullmatch(r"[\w.-]+/[\w.-]+@(release/)?v\d+", action)


@pytest.mark.parametrize("line", LINES)
def test_a_command_names_files_extras_and_programs_that_exist(line):
    assert "${{" not in line, "an expression would be pasted into the script"
    words = shlex.split(line)
    for word in words:
        if re.fullmatch(r"(\.ci|docs|tests)(/[\w.-]+)*|[\w-]+\.toml", word):
            assert (ROOT / word.removesuffix("_build/html")).exists()
        if extra := re.fullmatch(r"\.\[(.+)\]", word):
            assert extra[1] in PROJECT["optional-dependencies"]
    if "--extra" in words:
        assert words[words.index("--extra") + 1] in PROJECT["optional-dependencies"]
    if words[0].endswith("/wsdoctor") and not words[1].startswith("-"):
        assert words[1] in COMMANDS


def test_the_tests_run_on_each_python_that_is_promised_with_oldest_and_newest_dependencies():
    matrix = workflow("tests")["jobs"]["matrix"]["strategy"]["matrix"]
    promised = [
        found[1]
        for classifier in PROJECT["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", classifier))
    ]
    assert matrix["python"] == promised
    assert matrix["dependencies"] == ["oldest", "newest"]
    assert {job["os"].partition("-")[0] for job in matrix["include"]} == {"macos", "windows"}


def test_one_job_runs_the_gate_and_a_scheduled_one_the_whole_zoo():
    jobs = workflow("tests")["jobs"]
    assert [step["run"] for step in jobs["gate"]["steps"] if "run" in step][-1] == ".ci/run"
    (zoo,) = (step for step in jobs["zoo"]["steps"] if "tests/zoo" in step.get("run", ""))
    assert zoo["env"] == {shares.NAME: "all"}
    assert "schedule" in jobs["zoo"]["if"]


def test_only_the_job_that_publishes_has_an_identity_for_the_index():
    jobs = workflow("release")["jobs"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["needs"] == "build"
    assert "id-token" not in jobs["build"]["permissions"]
    assert all("with" not in step for step in jobs["publish"]["steps"] if "pypi" in step["uses"])


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_asks_for_what_a_maintainer_needs(path):
    form = read(path)
    assert form["name"]
    assert form["description"]
    fields = {field["id"]: field for field in form["body"]}
    assert len(fields) == len(form["body"])
    assert {"command", "handler", "environment"} <= set(fields)
    assert "`wsdoctor env`" in fields["environment"]["attributes"]["description"]
    assert "env" in COMMANDS
    if path.stem != "feature":
        assert all(field["validations"]["required"] for field in form["body"])


def test_the_hooks_for_contributors_are_the_checks_of_the_gate():
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = re.findall(r'^"\$work/\.venv/bin/([\w-]+)"(.*)$', gate, re.MULTILINE)
    checks = {
        _verb(program + rest) for program, rest in commands if program not in {"pip", "python"}
    }
    repositories = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert {_verb(hook["entry"]) for repo in repositories for hook in repo["hooks"]} == checks


def _verb(command: str) -> tuple[str, ...]:
    """The program and its subcommand, without options and paths."""
    return tuple(word for word in command.split() if word[0].isalpha())

"""The GitHub Action, the GitLab job and the pre-commit hook: read as YAML, and run on a project."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
BASH = shutil.which("bash") or "bash"

APP = """
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect


async def echo(socket):
    await socket.accept()
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/echo", echo)])
"""
BUG = ("    except WebSocketDisconnect:\n", "    except ValueError:\n")
QUICK = "--depth quick --disconnect close --ws wsproto"


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "a project"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    return folder


@pytest.fixture
def environment(tmp_path):
    """The programs of this environment first; wsdoctor's is this checkout."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "LITESTAR_"))}
    return inherited | {
        "PATH": programs,
        "PYTHONPATH": str(ROOT),
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }


@pytest.fixture
def act(tmp_path, project, environment):
    """Run a step as the runner does: (exit code, outputs, what it printed)."""

    def run(name, **inputs):
        step = STEPS[name]
        given = {key: value["default"] for key, value in ACTION["inputs"].items()} | inputs
        for variable, expression in step["env"].items():
            key = re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", expression)
            environment[variable] = given[key[1]]
        script = tmp_path / "step.sh"
        script.write_text(step["run"], encoding="utf-8")
        done = subprocess.run(
            [BASH, "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        output = tmp_path / "output"
        lines = output.read_text().splitlines() if output.exists() else []
        return (
            done.returncode,
            dict(line.split("=", 1) for line in lines),
            done.stdout + done.stderr,
        )

    return run


def test_no_input_is_pasted_into_a_script():
    assert ACTION["runs"]["using"] == "composite"
    for step in STEPS.values():
        assert "${{" not in step.get("run", "")
        assert "run" not in step or step["shell"] == "bash"


def test_every_input_is_used_and_every_output_is_written():
    text = json.dumps(ACTION["runs"])
    assert all(f"inputs.{name} " in text for name in ACTION["inputs"])
    written = re.findall(r"printf '([\w-]+)=", STEPS["Check"]["run"])
    assert {o["value"] for o in ACTION["outputs"].values()} == {
        f"${{{{ steps.{STEPS['Check']['id']}.outputs.{name} }}}}" for name in written
    }


@pytest.mark.parametrize("change, code", [(("", ""), 0), (BUG, 1)], ids=["healthy", "bug"])
def test_the_action_checks_and_says_where_the_reports_are(project, act, change, code):
    (project / "app.py").write_text(APP.replace(*change))
    exit_code, outputs, said = act("Check", target="app.py:app", args=QUICK)
    assert exit_code == code, said
    assert outputs["exit-code"] == str(code)
    report = json.loads(Path(outputs["json"]).read_text())
    assert {case["server"] for case in report["cases"]} == {"uvicorn:wsproto"}
    assert json.loads(Path(outputs["sarif"]).read_text())["version"] == "2.1.0"


def test_arguments_are_quoted_as_for_a_shell(act):
    args = f"{QUICK} -H 'X-Name: a \"b\" $(touch pwned)' --path /echo"
    assert act("Check", target="app.py:app", args=args)[0] == 0


@pytest.mark.parametrize(
    "inputs, sentence",
    [
        ({"target": 'app.py:app"; touch pwned; "'}, "wsdoctor: "),
        ({"target": "$(touch pwned)"}, "wsdoctor: "),
        ({"target": "--version"}, "wsdoctor: "),
        ({"target": "app.py:app", "args": "; touch pwned"}, "too many"),
        ({"target": "app.py:app", "args": "`touch pwned`"}, "too many"),
        ({"target": "app.py:app", "args": "-H 'X: y"}, "No closing quotation"),
    ],
)
def test_nothing_in_an_input_is_run(project, act, inputs, sentence):
    code, outputs, said = act("Check", **inputs)
    assert code != 0
    assert sentence in said
    assert "json" not in outputs
    assert not list(project.glob("pwned*"))


def test_the_action_installs_the_version_of_its_input(project, act):
    empty = project / "requirements one.txt"
    empty.write_text("# all is there\n")
    assert act("Install", install=f"--no-index -r '{empty}'")[0] == 0
    code, _, said = act("Install", install="--no-index '-rnone.txt; touch pwned'")
    assert code == 1
    assert "none.txt; touch pwned" in said
    assert not list(project.glob("pwned*"))


def _block(title):
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8").split(f"\n## {title}\n")[1]
    return yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1])


def test_the_workflow_in_the_documentation_gives_inputs_and_reads_outputs_that_exist():
    steps = _block("GitHub Actions")["jobs"]["wsdoctor"]["steps"]
    (ours,) = (step for step in steps if "wsdoctor" in step["uses"])
    assert set(ours["with"]) <= set(ACTION["inputs"])
    read = re.findall(rf"steps\.{ours['id']}\.outputs\.([\w-]+)", json.dumps(steps))
    assert read
    assert set(read) <= set(ACTION["outputs"])


def test_the_gitlab_job_leaves_its_reports(project, environment):
    (project / "app.py").write_text(APP.replace(*BUG))
    job = _block("GitLab")["wsdoctor"]
    install, check = job["script"]
    assert install.startswith("pip install ")
    program, *arguments = shlex.split(check)
    assert program == "wsdoctor"
    done = subprocess.run(
        [sys.executable, "-m", program, *arguments, *QUICK.split()],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    (issue,) = json.loads((project / job["artifacts"]["reports"]["codequality"]).read_text())
    assert issue["check_name"].startswith("WSD201")
    assert (project / job["artifacts"]["reports"]["junit"]).is_file()
    assert job["artifacts"]["when"] == "always"


def _sharded(step, shard, project, environment):
    """What the step of a sharded job that runs wsdoctor exits with."""
    line = step["run"].replace("${{ matrix.shard }}", str(shard))
    assert "${{" not in line
    program, *arguments = shlex.split(line)
    assert program == "wsdoctor"
    quick = QUICK.split() if arguments[0] == "check" else ()
    return subprocess.run(
        [sys.executable, "-m", program, *arguments, *quick],
        cwd=project,
        env=environment,
        capture_output=True,
        timeout=120,
        check=False,
    ).returncode


@pytest.mark.parametrize("change, code", [(("", ""), 0), (BUG, 1)], ids=["healthy", "bug"])
def test_the_job_behind_the_shards_decides(project, environment, change, code):
    (project / "app.py").write_text(APP.replace(*change))
    jobs = _block("Several machines")["jobs"]
    (check,) = (step for step in jobs["shard"]["steps"] if "wsdoctor check" in step.get("run", ""))
    (merge,) = (
        step for step in jobs["wsdoctor"]["steps"] if "wsdoctor merge" in step.get("run", "")
    )
    assert check["continue-on-error"]
    assert "continue-on-error" not in merge
    for shard in jobs["shard"]["strategy"]["matrix"]["shard"]:
        _sharded(check, shard, project, environment)
    assert _sharded(merge, "", project, environment) == code
    (project / "2.json").unlink()
    assert _sharded(merge, "", project, environment) == 2


def test_the_hook_runs_once_in_the_projects_environment(project, environment):
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert {item["id"] for repo in _block("pre-commit")["repos"] for item in repo["hooks"]} == {
        hook["id"]
    }
    assert (hook["language"], hook["pass_filenames"]) == ("system", False)
    program, *arguments = shlex.split(hook["entry"])
    installed = shutil.which(program, path=environment["PATH"])
    assert installed
    done = subprocess.run(
        [installed, *arguments, *QUICK.split()],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr

"""A code base with old findings goes from nothing to a green check by the steps of docs/adoption.md."""

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

PAGE = (Path(__file__).parents[2] / "docs" / "adoption.md").read_text(encoding="utf-8")
SHOP = Path(__file__).parent / "shop"
TOKEN = "opensesame"  # noqa: S105 - the sample's own


@pytest.fixture(scope="module")
def steps():
    """The blocks of the page, by language."""
    return dict(re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL))


def test_the_routes_are_listed_as_the_steps_name_them(steps, shop):
    (command,) = re.findall(r"`(wsdoctor routes [^`]+)`", PAGE)
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)],
        cwd=shop,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    named = re.findall(r'\.routes\."([^"]+)"', steps["toml"])
    assert named
    assert all(route in done.stdout.split() for route in named)


@pytest.fixture
def shop(tmp_path):
    return Path(shutil.copytree(SHOP, tmp_path / "shop"))


@pytest.fixture
def run(shop):
    def run(command, *more):
        program, *arguments = shlex.split(command)
        assert program == "wsdoctor"
        environment = os.environ | {"NO_COLOR": "1", "WS_TOKEN": TOKEN}
        for name in ("LITESTAR_APP", "GITHUB_ACTIONS"):
            environment.pop(name, None)
        done = subprocess.run(
            [sys.executable, "-m", "wsdoctor", *arguments, "--format", "json", *more],
            cwd=shop,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert TOKEN not in done.stdout + done.stderr
        return done.returncode, json.loads(done.stdout)

    return run


def _put(path, old, new):
    source = path.read_text(encoding="utf-8")
    assert source.count(old) == 1
    path.write_text(source.replace(old, new), encoding="utf-8")


def _of_the_app(findings):
    return [(f["code"], f["route"]) for f in findings if f["severity"] != "info"]


def test_from_nothing_to_a_check_that_fails_on_a_new_bug_alone(steps, shop, run):
    # nothing: the findings are there, and two of three routes want something first
    project, app = shop / "pyproject.toml", shop / "shop.py"
    bare = project.read_text(encoding="utf-8")
    project.write_text(f"{bare}\n{steps['toml']}", encoding="utf-8")
    commented = steps["python"].strip("\n")
    bare_line = commented.partition("  # wsdoctor:")[0]
    _put(app, f"{bare_line}\n", f"{commented}\n")
    update, check = steps["console"].splitlines()

    # Every moment would take minutes, and finds the same here.
    code, report = run(update, "--depth", "quick")
    assert (code, _of_the_app(report["findings"])) == (0, [])
    by = {item["finding"]["code"]: item["by"] for item in report["suppressed"]}
    assert by == {"WSD501": "comment", "WSD201": "baseline"}
    assert (shop / "wsdoctor-baseline.json").is_file()

    code, report = run(check, "--depth", "quick")
    assert (code, report["verdict"]) == (0, "healthy")
    assert {case["route"] for case in report["cases"]} == {
        "/prices",
        "/rooms/{room:int}",
        "/status",
    }

    # a new bug, and an edit that moves the old ones
    _put(
        app,
        "    except WebSocketDisconnect:\n        pass\n\n\napp =",
        "    finally:\n        pass\n\n\napp =",
    )
    _put(app, "async def quotes", "# Moved down.\n\n\nasync def quotes")
    code, report = run(check, "--depth", "quick")
    assert (code, _of_the_app(report["findings"])) == (1, [("WSD201", "/status")])


def test_without_the_settings_the_shop_is_not_passed(shop, run):
    code, report = run("wsdoctor check shop:app", "--depth", "quick", "--disconnect", "close")
    assert code == 1
    assert ("WSD201", "/rooms/{room:int}") in _of_the_app(report["findings"])

"""Each package, checked as a user would: what is found, and that the real bugs are real.

python -m tests.downstream                  in a virtual environment of its own
python -m pytest tests/downstream           where the packages are installed
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.downstream.packages import BUGS, PACKAGES, Bug, Found, Package

APPS = Path(__file__).parent / "apps"
ROOT = Path(__file__).parents[2]
PINS = (Path(__file__).parent / "requirements.txt").read_text()


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=APPS,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )


@pytest.fixture(autouse=True, scope="session")
def _installed():
    """The installed versions are the pinned ones, to which the findings belong."""
    for name, version in re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)", PINS, re.MULTILINE):
        assert importlib.metadata.version(name) == version, f"{name}: python -m tests.downstream"


def found(finding: dict[str, object]) -> Found:
    location = finding["location"]
    who = str(finding["package"])
    if isinstance(location, dict):
        who = f"{location['file']}:{location['line']}"
    return Found(str(finding["code"]), str(finding["fault"]), who)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_what_is_found_in(package: Package, tmp_path):
    report = tmp_path / "report.json"
    depth = ("--depth", "quick" if package.quick else "full")
    driver = ("--driver", f"{package.app}:{package.driver}") if package.driver else ()
    done = python(
        *("wsdoctor", "check", f"{package.app}:app", *driver, *package.options, *depth),
        *("--report", f"json={report}"),
    )
    findings = {found(item) for item in json.loads(report.read_text())["findings"]}
    assert findings - package.maybe == package.found, done.stdout
    assert done.returncode == package.exit_code, done.stdout + done.stderr


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.package}-{bug.code}")
def test_a_real_bug_fails_on_stock_asyncio_too(bug: Bug, tmp_path):
    (package,) = (package for package in PACKAGES if package.name == bug.package)
    test = tmp_path / "test_bug.py"
    done = python(
        *("wsdoctor", "replay", bug.case, *package.arguments, "--code", bug.code),
        *("--emit", "pytest", "-o", str(test)),
    )
    assert done.returncode == 1, done.stderr
    assert "wsdoctor" not in test.read_text()
    run = python("pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(test))
    assert "1 failed" in run.stdout, run.stdout

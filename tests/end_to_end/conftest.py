from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def made_up_message() -> bool:
    """Whether checks hold the second conversation; a module that is about it has a fixture of its own."""
    return False


@pytest.fixture
def wsdoctor(tmp_path, made_up_message):
    """Run the command in an empty folder, as a user does: (exit code, stdout, stderr).

    Unless it is asked to, a check runs no emitted tests, which take seconds of the wall clock, and holds
    no second conversation.
    """

    def run(*arguments: str, cwd: Path = tmp_path) -> tuple[int, str, str]:
        if arguments[:1] == ("check",) and "--confirm" not in arguments:
            arguments = (*arguments, "--confirm", "loopback")
        if arguments[:1] == ("check",) and not made_up_message:
            arguments = (*arguments, "--no-made-up-message")
        environment = os.environ | {"COLUMNS": "80", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
        for name in ("FORCE_COLOR", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "LITESTAR_APP"):
            environment.pop(name, None)
        done = subprocess.run(
            [sys.executable, "-m", "wsdoctor", *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run

"""The site builds without a warning."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wsdoctor.diagnosis.rules import RULES

pytest.importorskip("sphinx", reason="Sphinx is in the extra: pip install -e '.[docs]'")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A copy of what the site is made of: the build writes the pages of the rules into ``docs``."""
    copy = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "docs", copy / "docs", ignore=shutil.ignore_patterns("rules", "_build"))
    shutil.copytree(ROOT / "wsdoctor" / "diagnosis", copy / "wsdoctor" / "diagnosis")
    for page in ROOT.glob("*.md"):
        shutil.copy(page, copy)
    return copy / "docs"


def test_the_site_builds_without_a_warning_and_has_a_page_for_each_rule(sources, tmp_path):
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-b", "html"]
    done = subprocess.run(
        [*build, str(sources), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.stem for path in (tmp_path / "rules").glob("*.html")} == set(RULES)
    catalogue = (tmp_path / "rules.html").read_text(encoding="utf-8")
    assert all(f'href="rules/{code}.html"' in catalogue for code in RULES)

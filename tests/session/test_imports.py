"""Which of the user's files those of a recording import."""

from __future__ import annotations

import importlib
import sys

import pytest

from wsdoctor.session.imports import imported
from wsdoctor.target.usercode import UserCode

FILES = {
    "__init__.py": "",
    "app.py": (
        "import json, asyncio\nfrom . import consts\nfrom .models import (  # of messages\n    Join,\n    Say,\n)\n"
        "def late():\n    from imports_package.later import LATE\n"
    ),
    "consts.py": "JOIN = 'join'\n",
    "models.py": "from .base import Base\n\nclass Join(Base): ...\n\nclass Say(Base): ...\n",
    "base.py": "class Base: ...\n",
    "later.py": "LATE = 1\n",
    "other.py": "OTHER = 1\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "imports_package"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    for name in ("app", "other"):
        importlib.import_module(f"imports_package.{name}")
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "imports_package"]:
        del sys.modules[name]


def test_the_files_that_are_imported_are_known_and_no_others(package):
    found = imported([str(package / "app.py")], UserCode((str(package),)))
    names = {"consts.py", "models.py", "base.py", "__init__.py"}
    assert found == {str(package / name): FILES[name] for name in names}


def test_what_is_imported_later_is_known_once_it_is_there(package):
    importlib.import_module("imports_package.later")
    found = imported([str(package / "app.py")], UserCode((str(package),)))
    assert str(package / "later.py") in found

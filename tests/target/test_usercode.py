from __future__ import annotations

import asyncio
import os
import sysconfig
from pathlib import Path

import msgspec
import pytest

import wsdoctor.target.usercode
from wsdoctor.target import UserCode

PACKAGE = Path(wsdoctor.target.usercode.__file__).parents[1]
SITE = Path(sysconfig.get_path("purelib"))


@pytest.mark.parametrize(
    "file, is_user",
    [
        (__file__, True),
        (str(Path.home() / "shop" / "app.py"), True),
        ("app.py", True),
        (asyncio.__file__, False),
        (os.__file__, False),
        (msgspec.__file__, False),
        (str(SITE / "thing.py"), False),
        (str(Path(sysconfig.get_path("scripts")) / "pytest"), False),
        (str(PACKAGE / "session" / "run.py"), False),
        (wsdoctor.target.usercode.__file__, False),
        (str(PACKAGE / "_scenarios" / "naive.py"), True),
        (str(PACKAGE.parent / "scenarios" / "naive.py"), True),
        ("/usr/lib/python3/dist-packages/apt.py", False),
        ("<string>", False),
        ("<frozen importlib._bootstrap>", False),
        ("<attrs generated init app.Point>", False),
        ("", False),
    ],
)
def test_without_roots(file: str, is_user: bool) -> None:  # noqa: FBT001 - a column of the table
    assert UserCode().is_user(file) is is_user


def test_an_installed_target_is_user_code_and_its_neighbours_are_not() -> None:
    code = UserCode((str(SITE / "shop"), str(SITE / "single.py")))
    assert code.is_user(str(SITE / "shop" / "ws" / "chat.py"))
    assert code.is_user(str(SITE / "single.py"))
    assert not code.is_user(str(SITE / "shop_plugins" / "chat.py"))
    assert not code.is_user(str(SITE / "litestar" / "app.py"))


@pytest.mark.parametrize("venv", [".venv", "env", "venvs/one"])
@pytest.mark.parametrize("lib", ["lib/python3.11/site-packages", "Lib/site-packages"])
def test_a_virtualenv_in_the_project_is_not_user_code(tmp_path: Path, venv: str, lib: str) -> None:
    code = UserCode((str(tmp_path),))
    assert code.is_user(str(tmp_path / "app.py"))
    assert not code.is_user(str(tmp_path / venv / lib / "starlette" / "app.py"))


def test_the_innermost_folder_decides(tmp_path: Path) -> None:
    installed = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    code = UserCode((str(tmp_path), str(installed / "shop")))
    assert code.is_user(str(installed / "shop" / "chat.py"))
    assert not code.is_user(str(installed / "starlette" / "app.py"))


def test_a_link_into_the_installed_packages_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "vendored"
    try:
        link.symlink_to(SITE, target_is_directory=True)
    except OSError:
        pytest.skip("this user may not make links")
    assert not UserCode().is_user(str(link / "msgspec" / "__init__.py"))


def test_an_answer_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    code = UserCode()
    assert code.is_user("app.py")
    monkeypatch.setattr(UserCode, "_decide", None)
    assert code.is_user("app.py")


@pytest.mark.parametrize(
    "file, package",
    [
        (str(SITE / "acme" / "rooms" / "core.py"), "acme"),
        (str(SITE / "thing.py"), "thing"),
        (msgspec.__file__, "msgspec"),
        ("/usr/lib/python3/dist-packages/acme/core.py", "acme"),
        (str(Path.home() / "shop" / "venv" / "site-packages" / "acme" / "core.py"), "acme"),
        (str(Path.home() / "shop" / "app.py"), ""),
        (asyncio.__file__, ""),
        (str(PACKAGE / "session" / "run.py"), ""),
        ("<string>", ""),
        ("", ""),
    ],
)
def test_the_package_of_a_file_is_the_name_that_it_is_imported_by(file, package):
    assert UserCode().package_of(file) == package


def test_a_root_among_the_installed_packages_is_no_package():
    inside = str(SITE / "acme" / "core.py")
    assert UserCode((str(SITE / "acme"),)).package_of(inside) == ""

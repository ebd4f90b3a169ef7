from __future__ import annotations

import asyncio
import importlib
import os
import sys
import sysconfig
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


# --- code that stands in no file

SOURCE = "async def feed(ws): ...\ndef helper(): ...\n"


def made(namespace: dict[str, Any], name: str = "<string>") -> dict[str, bool]:
    exec(compile(SOURCE, name, "exec"), namespace)  # noqa: S102 - what it is about
    functions = {key: namespace[key] for key in ("feed", "helper")}
    for key in functions:
        del namespace[key]
    # A frame has its namespace; for a function's code, the namespace has to be found.
    answers = [
        {key: UserCode().is_user_code(f.__code__, *known) for key, f in functions.items()}
        for known in ((), (namespace,))
    ]
    assert answers[0] == answers[1]
    return answers[0]


kept: dict[str, Any] = {}


def test_code_made_by_exec_is_the_users_in_a_module_of_theirs():
    assert made(globals()) == {"feed": True, "helper": True}
    assert made(vars(msgspec)) == {"feed": False, "helper": False}
    assert made(vars(asyncio)) == {"feed": False, "helper": False}


@pytest.mark.parametrize("name", ["<string>", "handle_request"])
def test_in_a_copy_of_a_modules_names_it_is_that_modules(name):
    """As Sanic compiles its own methods anew, under the name of the method."""
    assert made(dict(globals()), name) == {"feed": True, "helper": True}
    assert made(dict(vars(msgspec)), name) == {"feed": False, "helper": False}


def test_in_a_namespace_of_its_own_it_is_the_users_if_it_is_kept_by_them_or_asynchronous():
    assert made(kept) == {"feed": True, "helper": True}
    own: dict[str, Any] = {"__builtins__": {}}
    assert made(own) == {"feed": True, "helper": False}


@pytest.mark.parametrize(
    "name", ["<stdin>", "<console>", "<ipython-input-1-0badcafe>", "<python-input-0>"]
)
def test_what_is_typed_at_a_prompt_is_the_users(name):
    assert made({}, name) == {"feed": True, "helper": True}
    assert UserCode().is_user(name)


def test_what_dataclasses_and_named_tuples_generate_is_not():
    @dataclass
    class Point:
        x: int

    Pair = namedtuple("Pair", "left right")  # noqa: PYI024 - the untyped one generates code, too
    for method in (Point.__init__, Point.__eq__, Pair.__new__):
        assert not UserCode().is_user_code(method.__code__)


# --- what is installed, by its metadata


def installed(folder: Path, *files: str, info: str = "acme-1.0.dist-info") -> None:
    (folder / info).mkdir(parents=True)
    (folder / info / "RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in files))


def test_a_file_that_a_distribution_lists_is_installed(tmp_path):
    installed(tmp_path, "acme/core.py", "one.py", '"odd,name.py"', "../../bin/acme")
    code = UserCode((str(tmp_path),))
    for file, package in (("acme/core.py", "acme"), ("one.py", "one"), ("odd,name.py", "odd,name")):
        assert not code.is_user(str(tmp_path / file))
        assert code.package_of(str(tmp_path / file)) == package
    for file in ("app.py", "acme/mine.py", "acme_shop/core.py"):
        assert code.is_user(str(tmp_path / file))


def test_a_project_in_development_is_the_users(tmp_path):
    # `pip install -e` has its RECORD list a .pth file or a finder; setuptools leaves an .egg-info.
    installed(tmp_path, "__editable__.shop.pth", "__editable___shop_finder.py")
    (tmp_path / "shop.egg-info").mkdir()
    (tmp_path / "shop.egg-info" / "SOURCES.txt").write_text("shop/app.py\n")
    assert UserCode().is_user(str(tmp_path / "shop" / "app.py"))


@pytest.mark.parametrize("record", ["", "\0", '"', "acme/core.py\n" * 3])
def test_metadata_may_be_of_any_form(tmp_path, record):
    (tmp_path / "acme-1.0.dist-info").mkdir()
    (tmp_path / "acme-1.0.dist-info" / "RECORD").write_text(record)
    (tmp_path / "other.dist-info").write_text("a file")
    (tmp_path / "broken.zip").write_bytes(b"PK\3\4 and no more")
    assert UserCode().is_user(str(tmp_path / "app.py"))
    assert UserCode().is_user(str(tmp_path / "broken.zip" / "app.py"))


def test_modules_that_are_imported_later_are_seen(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    user_code = UserCode()
    for name in ("wsd_shop", "wsd_stock"):
        tmp_path.joinpath(f"{name}.py").write_text("")
        importlib.import_module(name)
        assert name in {module.__name__ for module in user_code.modules()}
    monkeypatch.delitem(sys.modules, "wsd_shop")
    assert "wsd_shop" not in {module.__name__ for module in user_code.modules()}
    monkeypatch.delitem(sys.modules, "wsd_stock")

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from wsdoctor.target import TargetError, TargetImportError, TargetSpec, discovery, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

APP = "from litestar import Litestar\napp = Litestar()\n"
STARLETTE = "from starlette.applications import Starlette\nserver = Starlette()\n"


@pytest.fixture(params=["Litestar's", "ours"])
def _rules(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Litestar's own function, and as if this version of it had none."""
    if request.param == "ours":
        monkeypatch.setattr(discovery, "autodiscovery_paths", lambda _: None)


@pytest.mark.usefixtures("_rules")
@pytest.mark.parametrize(
    "file, source, spec, kind",
    [
        ("app.py", APP, "app:app", "app"),
        ("application.py", APP, "application:app", "app"),
        ("app.py", APP.replace("app =", "application ="), "app:application", "app"),
        ("app.py", APP.replace("app =", "server ="), "app:server", "app"),
        ("app.py", f"{APP}other = Litestar()", "app:app", "app"),
        ("app.py", STARLETTE, "app:server", "app"),
        ("app/__init__.py", APP, "app:app", "app"),
        ("app/main.py", APP, "app.main:app", "app"),
        ("app/app.py", APP, "app.app:app", "app"),
        ("app.py", APP.replace("app = ", "def create_app(): return "), "app:create_app", "factory"),
        ("app.py", APP.replace("app = ", "def f() -> Litestar: return "), "app:f", "factory"),
    ],
)
def test_found(
    *,
    write: Write,
    capsys: pytest.CaptureFixture[str],
    file: str,
    source: str,
    spec: str,
    kind: str,
) -> None:
    write(source, file)
    target = load(TargetSpec(""))
    assert (target.spec, target.kind) == (spec, kind)
    assert capsys.readouterr() == ("", "")
    assert "LITESTAR_APP" not in os.environ


def test_in_another_folder(write: Write) -> None:
    write(APP, "backend/app.py")
    assert load(TargetSpec("", app_dir="backend")).spec == "app:app"


def test_a_module_without_an_app_is_passed_over(write: Write) -> None:
    write("from litestar import websocket\n", "app.py")
    write(APP, "application.py")
    assert load(TargetSpec("")).spec == "application:app"


@pytest.mark.usefixtures("_rules")
@pytest.mark.parametrize("file", ["main.py", "app/_private.py", "app/readme.txt"])
def test_not_found(write: Write, tmp_path: Path, file: str) -> None:
    write(APP, file)
    with pytest.raises(TargetError) as caught:
        load(TargetSpec(" "))
    assert str(caught.value) == (
        f"there is no app in {tmp_path}: give one as module:attribute or file.py:attribute, "
        "or set LITESTAR_APP"
    )


def test_environment_variable(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write(APP, "shop.py")
    write(APP, "app.py")
    monkeypatch.setenv("LITESTAR_APP", "shop:app")
    assert load(TargetSpec("")).spec == "shop:app"
    assert load(TargetSpec("app:app")).spec == "app:app"
    monkeypatch.setenv("LITESTAR_APP", "shop:ap")
    with pytest.raises(TargetError, match=r"did you mean 'app'\? \(LITESTAR_APP says 'shop:ap'\)$"):
        load(TargetSpec(""))
    monkeypatch.setenv("LITESTAR_APP", "broken:app")
    write("raise ValueError", "broken.py")
    with pytest.raises(TargetImportError):
        load(TargetSpec(""))


def test_a_module_that_raises_is_not_passed_over(write: Write) -> None:
    write("raise ValueError")
    with pytest.raises(TargetImportError, match=r"^importing 'app' failed with ValueError"):
        load(TargetSpec(""))

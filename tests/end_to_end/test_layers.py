"""Packages that are installed in a folder of any name, or in a zip file, are no code of the user's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.wheels import wheel

ROOM = """
async def serve(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] == "websocket.receive":
        pass
    await send({"type": "websocket.close"})
"""
APP = "import sys\nsys.path.insert(0, PLACE)\nfrom acme.rooms import serve as app\n"
OWN = APP + "from shop import serve as own\n"
MODULES = {"acme/__init__.py": "", "acme/rooms.py": ROOM}

pytest.importorskip("pip", reason="pip is not installed: it makes the layers")


def install(folder: Path, target: Path) -> None:
    """`pip install --target`, offline."""
    file = wheel(folder, "acme_rooms", MODULES)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(target), str(file)], check=True
    )


@pytest.fixture
def checked(tmp_path, wsdoctor):
    """Check an attribute of app.py, beside what is installed in ``place``."""

    def check(place: Path, source: str = APP, attribute: str = "app"):
        (tmp_path / "app.py").write_text(source.replace("PLACE", repr(str(place))))
        code, out, err = wsdoctor(
            *("check", f"app.py:{attribute}", "--format", "json", "--depth", "quick"),
            *("--disconnect", "close", "--ws", "wsproto"),
        )
        assert err == ""
        (finding,) = json.loads(out)["findings"]
        return code, finding

    return check


@pytest.fixture(params=["layer", "zip", "wheel", "beside"])
def place(request, tmp_path) -> Path:
    """Where the package is installed: `pip install --target`, that folder zipped, or the wheel itself."""
    if request.param == "wheel":
        return wheel(tmp_path, "acme_rooms", MODULES)
    target = tmp_path if request.param == "beside" else tmp_path / "layer"
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    install(wheels, target)
    if request.param == "zip":
        return Path(shutil.make_archive(str(tmp_path / "layer"), "zip", target))
    return target


def test_what_is_installed_is_a_packages_wherever_it_lies(place, checked):
    code, finding = checked(place)
    assert (code, finding["code"], finding["severity"]) == (0, "WSD101", "info")
    assert (finding["fault"], finding["package"], finding["location"]) == ("package", "acme", None)
    assert "inside `acme`, at acme/rooms.py:9 in `serve`" in finding["evidence"]


def test_a_module_of_the_users_in_the_same_folder_is_the_users(tmp_path, checked):
    target = tmp_path / "layer"
    install(tmp_path, target)
    (target / "shop.py").write_text(ROOM)
    code, finding = checked(target, OWN, "own")
    assert (code, finding["fault"], finding["package"]) == (1, "app", "")
    assert finding["location"]["file"] == "layer/shop.py"


def test_a_copy_without_metadata_is_the_users(tmp_path, checked):
    (tmp_path / "vendored" / "acme").mkdir(parents=True)
    for path, text in MODULES.items():
        (tmp_path / "vendored" / path).write_text(text)
    code, finding = checked(tmp_path / "vendored")
    assert (code, finding["fault"]) == (1, "app")


def test_the_package_itself_may_be_the_target(tmp_path, wsdoctor):
    install(tmp_path, tmp_path / "layer")
    code, out, _ = wsdoctor(
        *("check", "acme.rooms:serve", "--app-dir", "layer", "--format", "json"),
        *("--depth", "quick", "--disconnect", "close", "--ws", "wsproto"),
    )
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["fault"], finding["location"]["line"]) == (1, "app", 9)

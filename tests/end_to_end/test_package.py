"""An application that is served by an installed package: what is the package's is said to be so."""

from __future__ import annotations

import json

import pytest

ROOM = """
import asyncio

HISTORY = []


async def serve(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "welcome"})
    while (message := await receive())["type"] == "websocket.receive":
        HISTORY.append(message)
        CALLBACK
    CLEANUP


async def silent(scope, receive, send):
    await receive()


async def early(scope, receive, send):
    await receive()
    await send({"type": "websocket.send", "text": "too early"})


async def report(receive, send, summary):
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass
    try:
        summary()
    except ValueError as error:
        try:
            await send({"type": "websocket.send", "text": str(error)})
        except CAUGHT:
            pass


class Hub:
    def __init__(self):
        self.clients = []

    async def serve(self, scope, receive, send):
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        self.clients.append(send)
        while (await receive())["type"] == "websocket.receive":
            pass


async def goodbye(send):
    await send({"type": "websocket.close"})
"""
APP = """
import asyncio

import acme.rooms


async def app(scope, receive, send):
    await acme.rooms.serve(scope, receive, send)
"""
GOODBYE = """
import acme.rooms


async def app(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass
    await acme.rooms.goodbye(send)
"""
CALLED_BACK = """
import acme.rooms


def summary():
    raise ValueError("nothing was said")


async def app(scope, receive, send):
    await acme.rooms.report(receive, send, summary)
"""
HUB = """
import acme.rooms

hub = acme.rooms.Hub()
app = hub.serve
"""
OWN_HUB = """
import acme.rooms

hub = acme.rooms.Hub()


async def app(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    hub.clients.append(send)
    while (await receive())["type"] == "websocket.receive":
        pass
"""
DIRECT = "from acme.rooms import serve as app\n"


@pytest.fixture
def installed(tmp_path, monkeypatch, wsdoctor):
    """Check ``app``, which uses a package that is installed as pip does."""

    def check(app: str, *, callback: str = "pass", cleanup: str = "return", caught="Exception"):
        package = tmp_path / "venv" / "lib" / "site-packages" / "acme"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        source = ROOM.replace("CALLBACK", callback).replace("CLEANUP", cleanup)
        source = source.replace("CAUGHT", caught)
        (package / "rooms.py").write_text(source)
        site = f"import sys\nsys.path.insert(0, {str(package.parent)!r})\n"
        (tmp_path / "app.py").write_text(site + app)
        quick = ("--depth", "quick", "--disconnect", "close,abort", "--workers", "1")
        code, out, err = wsdoctor("check", "app.py:app", "--format", "json", *quick)
        assert err == ""
        return code, json.loads(out)

    return check


def test_an_application_that_is_nothing_but_a_package(installed):
    code, report = installed(DIRECT, cleanup='await send({"type": "websocket.close"})')
    (finding,) = report["findings"]
    assert (code, report["verdict"]) == (0, "healthy")
    assert (finding["code"], finding["severity"]) == ("WSD101", "info")
    assert (finding["fault"], finding["package"], finding["location"]) == ("package", "acme", None)
    assert finding["message"].startswith("`acme` sends `websocket.close`")
    assert "inside `acme`, at acme/rooms.py:16 in `serve`" in finding["evidence"]


def test_a_task_that_a_package_leaves_behind_with_every_connection(installed):
    code, report = installed(DIRECT, cleanup="asyncio.create_task(asyncio.sleep(1000))")
    (finding,) = report["findings"]
    assert (code, finding["code"], finding["package"]) == (0, "WSD301", "acme")
    assert "acme/rooms.py:16" in finding["message"]


def test_a_middleware_of_the_users_does_not_speak_for_the_package(installed):
    code, report = installed(APP, cleanup='await send({"type": "websocket.close"})')
    (finding,) = report["findings"]
    assert (code, finding["fault"], finding["package"]) == (0, "package", "acme")


def test_the_users_line_is_the_users_though_a_package_does_what_it_says(installed):
    code, report = installed(GOODBYE)
    (finding,) = report["findings"]
    assert (code, finding["fault"], finding["package"]) == (1, "app", "")
    assert finding["location"]["snippet"] == "await acme.rooms.goodbye(send)"


def test_a_package_that_answers_no_handshake(installed):
    for name in ("silent", "early"):
        code, report = installed(DIRECT.replace("serve", name))
        (finding,) = (item for item in report["findings"] if item["code"] == "WSD106")
        assert (code, finding["severity"]) == (4, "info")
        assert (finding["fault"], finding["package"]) == ("package", "acme")


def test_the_users_function_that_hands_over_to_it_is_the_one_to_answer(installed):
    code, report = installed(APP.replace("serve", "silent"))
    (finding,) = report["findings"]
    assert (code, finding["code"], finding["fault"]) == (1, "WSD106", "app")


def test_what_a_package_sends_is_the_packages_though_it_handles_an_error_of_the_users(installed):
    _, report = installed(CALLED_BACK, caught="KeyError")
    (finding,) = (item for item in report["findings"] if item["code"] == "WSD102")
    assert (finding["severity"], finding["fault"]) == ("info", "package")
    assert finding["package"] == "acme"
    # … and where it catches what the server raises at that, there is nothing to report.
    code, report = installed(CALLED_BACK)
    assert (code, [item["code"] for item in report["findings"]]) == (0, [])


def test_what_an_object_of_the_package_keeps_is_the_packages(installed):
    code, report = installed(HUB)
    (finding,) = report["findings"]
    assert (code, finding["code"], finding["severity"]) == (0, "WSD305", "info")
    assert (finding["fault"], finding["package"], finding["location"]) == ("package", "acme", None)
    assert "it is reached by `hub` (a list) at app.py:6" in finding["evidence"]


def test_what_the_users_handler_puts_into_it_is_the_users(installed):
    code, report = installed(OWN_HUB)
    (finding,) = report["findings"]
    assert (code, finding["code"], finding["fault"]) == (1, "WSD305", "app")
    assert finding["location"]["line"] == 6

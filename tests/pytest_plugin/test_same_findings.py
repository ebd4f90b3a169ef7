"""The items together have the findings of ``wsdoctor check``, however they are spread."""

from __future__ import annotations

import json

import pytest
from junitparser import JUnitXml, Properties

from tests import shares

APP = """
import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

ROOM = {}  # no set: the order of a set of sockets is chance, and the third client meets the first two


async def stream(socket):
    while True:
        await socket.send_text("tick")
        await asyncio.sleep(2)


async def cancelled(socket):
    await socket.accept()
    task = asyncio.create_task(stream(socket))
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        task.cancel()
        await task


async def awaited(socket):
    await socket.accept()
    task = asyncio.create_task(stream(socket))
    try:
        while True:
            await socket.receive_text()
    finally:
        await task
        await socket.close()


async def orphaned(socket):
    await socket.accept()
    asyncio.create_task(stream(socket))
    async for message in socket.iter_text():
        await socket.send_text(message)


async def broadcast(socket):
    await socket.accept()
    ROOM[socket] = None
    try:
        while True:
            message = await socket.receive_text()
            for member in list(ROOM):
                await member.send_text(message)
    except WebSocketDisconnect:
        await socket.close()


async def by_itself(socket):
    await socket.accept()
    await asyncio.sleep(0.3)
    raise ValueError("no such room")


async def healthy(socket):
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


HANDLERS = [cancelled, awaited, orphaned, broadcast, by_itself, healthy]
app = Starlette(routes=[WebSocketRoute(f"/{it.__name__}", it) for it in HANDLERS])
"""
"""Lines of this application are a cause at one disconnect and a symptom at another one."""

SETTINGS = {
    "quick": """
disconnects = ["close", "burst", "before-accept"]
servers = ["wsproto", "websockets"]
""",
    "full": """
disconnects = ["close", "burst"]
servers = ["websockets"]
""",
}


def found(finding):
    return f"{finding['code']} {finding['fingerprint']}"


def failed(file):
    """The items of each finding, by its code and fingerprint: (route, server, kind)."""
    items: dict[str, set[tuple[str, str, str]]] = {}
    for case in next(iter(JUnitXml.fromfile(str(file)))):
        route = case.classname.removeprefix("app.py:app.")
        kind, _, server = case.name.rpartition("-uvicorn:")
        for told in case.child(Properties) or ():
            assert told.name == "wsdoctor.finding"
            items.setdefault(told.value, set()).add((route, f"uvicorn:{server}", kind))
    return items


@pytest.mark.parametrize("depth", shares.of(SETTINGS))
def test_the_items_have_the_findings_of_the_command(tmp_path, run_pytest, run_wsdoctor, depth):
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "wsdoctor.toml").write_text(f'depth = "{depth}"\n{SETTINGS[depth]}')
    report = json.loads(run_wsdoctor("check", "app.py:app", "--format", "json").out)
    expected = {found(item): item for item in report["findings"] if item["severity"] != "info"}
    assert len({item["code"] for item in expected.values()}) >= 4
    spread: list[dict[str, set[tuple[str, str, str]]]] = []
    for number, workers in enumerate([(), ("-n", "2")]):
        file = tmp_path / f"{number}.xml"
        ran = run_pytest("--wsdoctor=app.py:app", f"--junit-xml={file}", "--tb=line", *workers)
        assert ran.code == pytest.ExitCode.TESTS_FAILED
        spread.append(failed(file))
    one, two = spread
    assert one == two
    assert one.keys() == expected.keys()
    for identity, item in expected.items():
        routes, servers, kinds = (set(part) for part in zip(*one[identity], strict=True))
        assert routes == {item["route"]}
        assert servers == {name for name, mark in item["servers"].items() if mark != "no"}
        assert kinds == set(item["disconnects"])

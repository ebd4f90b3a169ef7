"""An application that can be started once in a process, and is not to blame for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import wsdoctor
from wsdoctor.target import TargetError

ONCE = """
started = False


async def app(scope, receive, send):
    global started
    if scope["type"] == "lifespan":
        await receive()
        if started:
            await send({"type": "lifespan.startup.failed", "message": "a second time"})
            return
        started = True
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass
"""


def test_it_is_healthy_and_as_an_object_it_cannot_be_checked(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text(ONCE)
    few: dict[str, Any] = {"servers": ["uvicorn:wsproto"], "kinds": ["close"], "depth": "quick"}
    report = wsdoctor.check(f"{file}:app", **few)
    assert report.verdict == "healthy"
    assert not report.findings
    namespace: dict[str, Any] = {"__name__": "once"}
    exec(compile(ONCE, str(file), "exec"), namespace)  # noqa: S102 - as a user's test would import it
    with pytest.raises(TargetError, match="does not start a second time in one process"):
        wsdoctor.check(namespace["app"], **few)

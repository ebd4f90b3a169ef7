from __future__ import annotations

import asyncio
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Writes modules into an empty working directory; what they left in Python is undone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LITESTAR_APP", raising=False)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    # No .pyc: a module that is written twice within a second would be taken from it.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(source: str = "", name: str = "app.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    yield write
    for name, module in list(sys.modules.items()):
        folders = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
        if any(folder and Path(folder).is_relative_to(tmp_path) for folder in folders):
            del sys.modules[name]


@pytest.fixture
def connect() -> Callable[..., list[str]]:
    """Connects to an ASGI app, without a server: the types of what the app sends."""

    def connect(app: Any, path: str, host: str = "") -> list[str]:
        sent: list[str] = []
        waiting: list[dict[str, Any]] = [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": "hello"},
        ]

        async def receive() -> dict[str, Any]:
            return waiting.pop(0) if waiting else {"type": "websocket.disconnect", "code": 1000}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message["type"] + (f" {message['text']}" if message.get("text") else ""))

        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": unquote(path),
            "raw_path": path.encode("ascii"),
            "root_path": "",
            "query_string": b"",
            "headers": [(b"host", host.encode())] if host else [],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "subprotocols": [],
            "state": {},
            "extensions": {},
        }
        asyncio.run(app(scope, receive, send))
        return sent

    return connect

"""Litestar handlers that say what was wrong, with an exception or with `close()`."""

import asyncio
from contextlib import suppress
from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect, WebSocketException

# --- the `detail` of an exception becomes the reason


async def told(socket: WebSocket) -> None:
    for step in range(4):
        await socket.send_text(f"step {step}")
        await asyncio.sleep(0.1)


@websocket("/detail-bug")
async def detail_bug(socket: WebSocket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect, OSError):
        await told(socket)
    wrong = "unknown symbols: " + "ABC, " * 30
    raise WebSocketException(detail=wrong, code=4400)  # <- WSD107 detail


@websocket("/detail-ok")
async def detail_ok(socket: WebSocket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect, OSError):
        await told(socket)
        wrong = "unknown symbols: " + "ABC, " * 30
        await socket.close(code=4400, reason=wrong[:123])


# --- a close code that was read from the settings, as text

SETTINGS: dict[str, Any] = {"close_code": "3001"}


@websocket("/setting-bug")
async def setting_bug(socket: WebSocket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect, OSError):
        await told(socket)
        await socket.close(code=SETTINGS["close_code"])  # <- WSD107 setting


@websocket("/setting-ok")
async def setting_ok(socket: WebSocket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect, OSError):
        await told(socket)
        await socket.close(code=int(SETTINGS["close_code"]))


app = Litestar([detail_bug, detail_ok, setting_bug, setting_ok], openapi_config=None)

"""Litestar: an error that nobody may overlook."""

import os
from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

Socket = WebSocket[Any, Any, Any]
EX_SOFTWARE = 70

# --- whatever goes wrong ends the process, to be started anew; the twin knows that clients leave


@websocket("/strict-bug")
async def strict_bug(socket: Socket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except Exception:  # noqa: BLE001 - as people do it
        os._exit(EX_SOFTWARE)  # <- WSD407 strict


@websocket("/strict-ok")
async def strict_ok(socket: Socket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except (WebSocketDisconnect, OSError):
        pass
    except Exception:  # noqa: BLE001 - as people do it
        os._exit(EX_SOFTWARE)


app = Litestar([strict_bug, strict_ok], openapi_config=None)

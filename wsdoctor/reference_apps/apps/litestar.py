"""A plain Litestar handler that sends back what it gets."""

from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect


@websocket("/")
async def echo(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except (WebSocketDisconnect, OSError):
        pass


app = Litestar([echo], openapi_config=None, logging_config=None)

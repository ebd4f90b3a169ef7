"""The remedy of WSD305 for what a library keeps that it was given, in an application."""

import logging

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

log = logging.getLogger("lobby")


async def lobby(websocket: WebSocket) -> None:
    await websocket.accept()
    handler = logging.NullHandler()
    log.addHandler(handler)
    try:
        while text := await websocket.receive_text():
            log.info("%s", text)
    except WebSocketDisconnect:
        pass
    finally:
        log.removeHandler(handler)


app = Starlette(routes=[WebSocketRoute("/lobby", lobby)])

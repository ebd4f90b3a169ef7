"""The reason that the handler closes with is longer than a close frame has room for."""

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

LONG = "cannot read your message, which must be a number with at most nine digits, and no sign: "


async def bug(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            try:
                int(await websocket.receive_text())
            except ValueError as error:
                await websocket.close(1003, f"{LONG}{error}")  # <- WSD107 error
                return
    except WebSocketDisconnect:
        pass


async def ok(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            try:
                int(await websocket.receive_text())
            except ValueError as error:
                await websocket.close(1003, f"{LONG}{error}"[:123])
                return
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/bug", bug), WebSocketRoute("/ok", ok)])

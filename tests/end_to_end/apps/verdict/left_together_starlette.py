"""A clean-up that tells the others, one of whom has left at the same time."""

from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

room: list[WebSocket] = []
hall: list[WebSocket] = []


async def bug(websocket: WebSocket) -> None:
    await websocket.accept()
    room.append(websocket)
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        room.remove(websocket)
        for other in list(room):
            await other.send_text("one has left")  # <- WSD201 error


async def ok(websocket: WebSocket) -> None:
    await websocket.accept()
    hall.append(websocket)
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        hall.remove(websocket)
        for other in list(hall):
            with suppress(WebSocketDisconnect, RuntimeError):
                await other.send_text("one has left")


app = Starlette(routes=[WebSocketRoute("/bug", bug), WebSocketRoute("/ok", ok)])

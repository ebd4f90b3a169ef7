"""The remedy of WSD305 for a number that counts the clients, in an application."""

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

live = 0


async def lobby(websocket: WebSocket) -> None:
    global live  # noqa: PLW0603 - as people do it
    await websocket.accept()
    live += 1
    try:
        while await websocket.receive_text():
            await websocket.send_text(f"{live} are here")
    except WebSocketDisconnect:
        pass
    finally:
        live -= 1


app = Starlette(routes=[WebSocketRoute("/lobby", lobby)])

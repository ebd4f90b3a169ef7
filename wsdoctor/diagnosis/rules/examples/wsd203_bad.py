# Who leaves before having said a name is not among the names: the clean-up raises
# KeyError.

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

names: dict[WebSocket, str] = {}


async def room(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        names[websocket] = await websocket.receive_text()
        while True:
            text = await websocket.receive_text()
            await websocket.send_text(f"{names[websocket]}: {text}")
    except WebSocketDisconnect:
        del names[websocket]  # <- here


app = Starlette(routes=[WebSocketRoute("/room", room)])

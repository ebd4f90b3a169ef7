# `int` raises for a text that is no number: the client sees 1011, server error.
# Shown by: wsdoctor check TARGET --send seven

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def double(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            text = await websocket.receive_text()
            number = int(text)  # <- here
            await websocket.send_text(str(2 * number))
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/double", double)])

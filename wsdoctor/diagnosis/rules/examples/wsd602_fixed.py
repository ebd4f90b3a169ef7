# What the client may get wrong is expected, and answered.
# Shown by: wsdoctor check TARGET --send seven

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def double(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            text = await websocket.receive_text()
            try:
                number = int(text)
            except ValueError:
                await websocket.send_text("that is not a number")
                continue
            await websocket.send_text(str(2 * number))
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/double", double)])

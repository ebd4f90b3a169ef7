# The loop looks at the type of the message, and ends with the disconnect.

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket


async def upload(websocket: WebSocket) -> None:
    await websocket.accept()
    size = 0
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            break
        if data := message.get("bytes"):
            size += len(data)


app = Starlette(routes=[WebSocketRoute("/upload", upload)])

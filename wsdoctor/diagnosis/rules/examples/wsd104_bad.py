# The disconnect is a message like any other. The loop does not look at the type,
# and reads again.

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket


async def upload(websocket: WebSocket) -> None:
    await websocket.accept()
    size = 0
    while True:
        message = await websocket.receive()  # <- here
        if data := message.get("bytes"):
            size += len(data)


app = Starlette(routes=[WebSocketRoute("/upload", upload)])

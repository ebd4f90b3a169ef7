# What each client says goes to a temporary file. That is deleted when the client
# has left, and its descriptor stays open.

import os
import tempfile
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def dictation(websocket: WebSocket) -> None:
    await websocket.accept()
    descriptor, path = tempfile.mkstemp()  # <- here
    try:
        while True:
            os.write(descriptor, (await websocket.receive_text()).encode())
    except WebSocketDisconnect:
        pass
    finally:
        Path(path).unlink()


app = Starlette(routes=[WebSocketRoute("/dictation", dictation)])

# The descriptor is closed, too.

import os
import tempfile
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def dictation(websocket: WebSocket) -> None:
    await websocket.accept()
    descriptor, path = tempfile.mkstemp()
    try:
        while True:
            os.write(descriptor, (await websocket.receive_text()).encode())
    except WebSocketDisconnect:
        pass
    finally:
        os.close(descriptor)
        Path(path).unlink()


app = Starlette(routes=[WebSocketRoute("/dictation", dictation)])

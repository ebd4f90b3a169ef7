# Every client gets a child process that works for it. When the client has left, the
# process goes on.

import subprocess
import sys

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

RENDER = "import time; time.sleep(3600)"


async def preview(websocket: WebSocket) -> None:
    await websocket.accept()
    subprocess.Popen([sys.executable, "-c", RENDER])  # <- here
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/preview", preview)])

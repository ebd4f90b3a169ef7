# The handler ends the child process, and waits for it.

import subprocess
import sys

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

RENDER = "import time; time.sleep(3600)"


async def preview(websocket: WebSocket) -> None:
    await websocket.accept()
    child = subprocess.Popen([sys.executable, "-c", RENDER])
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        child.kill()
        child.wait()


app = Starlette(routes=[WebSocketRoute("/preview", preview)])

# The thread measures for one client, and goes on measuring when it has left:
# a thread cannot be cancelled.

import threading
import time

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


def measure(readings: list[float]) -> None:
    while True:
        readings.append(time.perf_counter())
        time.sleep(0.05)


async def meter(websocket: WebSocket) -> None:
    await websocket.accept()
    readings: list[float] = []
    threading.Thread(target=measure, args=(readings,), daemon=True).start()  # <- here
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/meter", meter)])

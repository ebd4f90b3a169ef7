# The handler tells the thread when it is over.

import threading
import time

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


def measure(readings: list[float], stop: threading.Event) -> None:
    while not stop.wait(0.05):
        readings.append(time.perf_counter())


async def meter(websocket: WebSocket) -> None:
    await websocket.accept()
    readings: list[float] = []
    stop = threading.Event()
    worker = threading.Thread(target=measure, args=(readings, stop), daemon=True)
    worker.start()
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        stop.set()


app = Starlette(routes=[WebSocketRoute("/meter", meter)])

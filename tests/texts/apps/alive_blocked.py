"""A queue of the wrong library: its `get` waits in the thread of the event loop."""

import queue

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

results: queue.Queue[str] = queue.Queue()


def next_result() -> str:
    return results.get()


async def watch(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("watching")
    while True:
        await websocket.send_text(next_result())


app = Starlette(routes=[WebSocketRoute("/watch", watch)])

# The client leaves, and the handler cancels its task. That is no error, but the
# result of a cancelled task is a CancelledError, which this callback raises.

import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def stream(websocket: WebSocket) -> None:
    while True:
        await websocket.send_text("tick")
        await asyncio.sleep(1)


def done(task: asyncio.Task[None]) -> None:
    task.result()  # <- here


async def ticks(websocket: WebSocket) -> None:
    await websocket.accept()
    task = asyncio.create_task(stream(websocket))
    task.add_done_callback(done)
    try:
        while await websocket.receive_text():
            pass
    except WebSocketDisconnect:
        task.cancel()


app = Starlette(routes=[WebSocketRoute("/ticks", ticks)])

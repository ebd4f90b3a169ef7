"""An anyio task group: `except WebSocketDisconnect` does not match what it raises."""

from functools import partial

import anyio
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def pump(websocket: WebSocket, *, period: float) -> None:
    while True:
        await websocket.send_text("tick")
        await anyio.sleep(period)


async def echo(websocket: WebSocket) -> None:
    while True:
        await websocket.send_text(await websocket.receive_text())


async def clock(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(echo, websocket)
            group.start_soon(partial(pump, websocket, period=5))
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/clock", clock)])

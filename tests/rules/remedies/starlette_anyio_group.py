"""The remedy of WSD202 for a task group of anyio, in an application."""

import anyio
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def send(websocket: WebSocket) -> None:
    while True:
        await websocket.send_text("tick")
        await anyio.sleep(2)


async def receive(websocket: WebSocket) -> None:
    while True:
        await websocket.receive_text()


async def handler(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(receive, websocket)
            group.start_soon(send, websocket)
    except* WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/ws", handler)])

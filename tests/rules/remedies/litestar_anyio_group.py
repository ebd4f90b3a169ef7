"""The remedy of WSD202 for a task group of anyio in Litestar, in an application."""

import anyio
from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect


async def send(socket: WebSocket) -> None:
    while True:
        await socket.send_text("tick")
        await anyio.sleep(2)


async def receive(socket: WebSocket) -> None:
    while True:
        await socket.send_text(await socket.receive_text())


@websocket("/ws")
async def handler(socket: WebSocket) -> None:
    await socket.accept()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(send, socket)
            group.start_soon(receive, socket)
    except* (WebSocketDisconnect, OSError):
        pass


app = Litestar([handler])

"""The remedy of WSD202 for Litestar, in an application."""

import asyncio

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect


async def send(socket: WebSocket) -> None:
    while True:
        await socket.send_text("tick")
        await asyncio.sleep(2)


async def receive(socket: WebSocket) -> None:
    while True:
        await socket.send_text(await socket.receive_text())


@websocket("/ws")
async def handler(socket: WebSocket) -> None:
    await socket.accept()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(send(socket))
            group.create_task(receive(socket))
    except* (WebSocketDisconnect, OSError):
        pass


app = Litestar([handler])

"""A shop with three feeds, as it was before anybody checked it."""

import asyncio
from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect


async def quotes(socket: WebSocket) -> None:
    while True:
        await socket.send_text("EURUSD 1.0842")
        await asyncio.sleep(2)


@websocket("/prices")
async def prices(socket: WebSocket) -> None:
    if socket.headers.get("authorization") != "Bearer opensesame":
        await socket.close(4401)
        return
    await socket.accept()
    stream = asyncio.create_task(quotes(socket))
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        stream.cancel()
        await stream


@websocket("/rooms/{room:int}")
async def chat(socket: WebSocket, room: int) -> None:
    await socket.accept()
    hello: Any = await socket.receive_json()
    await socket.send_text(f"{hello['join']} is in room {room}")
    while True:
        await socket.send_text(await socket.receive_text())


@websocket("/status")
async def status(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.receive_text()
            await socket.send_text("open")
    except WebSocketDisconnect:
        pass


app = Litestar([prices, chat, status])

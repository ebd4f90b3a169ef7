"""A progress bar that listens for the disconnect, in a handler that takes commands as well."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import send_websocket_stream


async def progress() -> AsyncGenerator[str, None]:
    for percent in range(0, 101, 25):
        yield f"{percent} %"
        await asyncio.sleep(1)


async def show_progress(socket: WebSocket) -> None:
    async with aclosing(progress()) as steps:
        await send_websocket_stream(socket, steps, listen_for_disconnect=True, close=False)


@websocket("/build")
async def build(socket: WebSocket) -> None:
    await socket.accept()
    try:
        await show_progress(socket)
        while True:
            await socket.send_text(f"command: {await socket.receive_text()}")
    except* (WebSocketDisconnect, OSError):
        pass


app = Litestar([build])

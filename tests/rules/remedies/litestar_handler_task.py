"""The remedies of a task beside a plain handler of Litestar's, in an application (WSD201, WSD204, WSD301)."""

import asyncio
from contextlib import suppress

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect


async def stream(socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect, OSError):
        while True:
            await socket.send_text("sunny")
            await asyncio.sleep(60)


@websocket("/weather")
async def weather(socket: WebSocket) -> None:
    await socket.accept()
    task = asyncio.create_task(stream(socket))
    try:
        async for _ in socket.iter_data("text"):
            pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


@websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    task = asyncio.create_task(stream(socket))
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


app = Litestar([weather, echo])

"""The remedies of a task that a listener class starts, in an application (WSD301)."""

import asyncio
from contextlib import suppress

from litestar import Litestar, WebSocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import WebsocketListener


async def stream(socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect, OSError):
        while True:
            await socket.send_text("sunny")
            await asyncio.sleep(60)


class Weather(WebsocketListener):
    path = "/weather"

    async def on_accept(self, socket: WebSocket) -> None:
        socket.state.task = asyncio.create_task(stream(socket))

    async def on_disconnect(self, socket: WebSocket) -> None:
        task = socket.state.task
        if not task.done():
            task.cancel()
            await asyncio.wait([task])

    async def on_receive(self, data: str) -> str:
        return data


app = Litestar([Weather])

"""A listener class starts a subscription when it accepts; `shield` keeps it alive afterwards."""

import asyncio

from litestar import Litestar, WebSocket
from litestar.handlers import WebsocketListener


class Topic:
    async def follow(self) -> None:
        while True:
            await asyncio.sleep(3600)


class News(WebsocketListener):
    path = "/news"

    async def on_accept(self, socket: WebSocket) -> None:
        socket.state.reader = asyncio.ensure_future(asyncio.shield(Topic().follow()))

    async def on_disconnect(self, socket: WebSocket) -> None:
        socket.state.reader.cancel()

    async def on_receive(self, data: str) -> str:
        return data


app = Litestar([News])

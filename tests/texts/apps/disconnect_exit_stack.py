"""A context manager of the user's own forgets twice what it has remembered once."""

from contextlib import AsyncExitStack

from litestar import Litestar, WebSocket, websocket_listener
from litestar.handlers import WebsocketListener


class Presence:
    online: dict[str, WebSocket] = {}

    def __init__(self, name: str, socket: WebSocket) -> None:
        self.name, self.socket = name, socket

    async def __aenter__(self) -> None:
        self.online[self.name] = self.socket

    async def __aexit__(self, *_: object) -> None:
        del self.online[self.name]


class Status(WebsocketListener):
    path = "/status"

    async def on_accept(self, socket: WebSocket) -> None:
        self.stack = AsyncExitStack()
        await self.stack.enter_async_context(Presence("ada", socket))

    async def on_disconnect(self, socket: WebSocket) -> None:
        Presence.online.clear()
        await self.stack.aclose()

    async def on_receive(self, data: str) -> str:
        return data.upper()


app = Litestar([Status])

"""The pump looks at a flag whenever it wakes up."""

import asyncio

from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket


class Ticker(WebSocketEndpoint):
    encoding = "text"

    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.running = True
        self.pump = asyncio.create_task(self.tick(websocket))

    async def tick(self, websocket: WebSocket) -> None:
        while self.running:
            await websocket.send_text("tick")
            await asyncio.sleep(3)

    async def on_receive(self, websocket: WebSocket, data: str) -> None:
        await websocket.send_text(data)

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        self.running = False
        await self.pump


app = Starlette(routes=[WebSocketRoute("/ticker", Ticker)])

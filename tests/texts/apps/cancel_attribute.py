"""An endpoint class keeps its task as an attribute, cancels and awaits it."""

import asyncio

from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket


class Heart(WebSocketEndpoint):
    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.beating = asyncio.create_task(self.beat(websocket), name="heart")

    async def beat(self, websocket: WebSocket) -> None:
        while True:
            await websocket.send_bytes(b"beat")
            await asyncio.sleep(15)

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        if self.beating.cancel():
            await asyncio.shield(self.beating)


app = Starlette(routes=[WebSocketRoute("/heart", Heart)])

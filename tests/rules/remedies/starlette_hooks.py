"""The remedies of a task that an endpoint class starts, in an application (WSD301, WSD401)."""

import asyncio
from contextlib import suppress

from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


class Weather(WebSocketEndpoint):
    encoding = "text"

    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.task = asyncio.create_task(self.stream(websocket))

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait([self.task])

    async def stream(self, websocket: WebSocket) -> None:
        with suppress(WebSocketDisconnect):
            while True:
                await websocket.send_text("sunny")
                await asyncio.sleep(60)


app = Starlette(routes=[WebSocketRoute("/weather", Weather)])

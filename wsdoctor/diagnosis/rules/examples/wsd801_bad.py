# The client says what it is first: --send hello. The handler never reads it.

import asyncio
from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def ticks(websocket: WebSocket) -> None:  # <- here
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text("tick")
            await asyncio.sleep(0.2)


app = Starlette(routes=[WebSocketRoute("/ticks", ticks)])

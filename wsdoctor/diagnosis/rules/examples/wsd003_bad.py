# The handler says nothing until it is spoken to: its second message never comes.
# Shown by: wsdoctor check TARGET --at after:2

import asyncio
from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def countdown(websocket: WebSocket) -> None:  # <- here
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        what = await websocket.receive_text()
        for number in range(10, 0, -1):
            await websocket.send_text(f"{what} in {number}")
            await asyncio.sleep(0.1)


app = Starlette(routes=[WebSocketRoute("/countdown", countdown)])

# The seat is given back whichever way the game ends.

import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

seats = asyncio.Semaphore(10)


async def table(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        async with seats:
            while await websocket.receive_text() != "resign":
                await websocket.send_text("your turn")
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/table", table)])

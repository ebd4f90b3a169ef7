# A client that leaves in the middle of a game never gives the seat back: after ten
# of them no client is let in.

import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

seats = asyncio.Semaphore(10)


async def table(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        await seats.acquire()  # <- here
        while await websocket.receive_text() != "resign":
            await websocket.send_text("your turn")
        seats.release()
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/table", table)])

"""The remedy of WSD307 for a lock that all share, in an application."""

import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

lock = asyncio.Lock()
total = 0


async def till(websocket: WebSocket) -> None:
    global total  # noqa: PLW0603 - as people do it
    await websocket.accept()
    try:
        while amount := await websocket.receive_text():
            async with lock:
                await websocket.send_text(f"{total} and {amount}")
                total += len(amount)
                await websocket.send_text(f"makes {total}")
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/till", till)])

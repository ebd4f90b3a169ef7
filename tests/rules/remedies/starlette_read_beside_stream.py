"""The remedy of WSD204 for Starlette and FastAPI, in an application."""

import asyncio
from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def stream(websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text("sunny")
            await asyncio.sleep(60)


async def weather(websocket: WebSocket) -> None:
    await websocket.accept()
    task = asyncio.create_task(stream(websocket))
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


app = Starlette(routes=[WebSocketRoute("/weather", weather)])

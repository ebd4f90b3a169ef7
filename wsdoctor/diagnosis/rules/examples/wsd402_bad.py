# When the client leaves, `receive` returns, and `send` waits for ever for a queue
# into which nothing more comes: `gather` waits for both.

import asyncio
from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def receive(websocket: WebSocket, queue: asyncio.Queue[str]) -> None:
    async for text in websocket.iter_text():
        await queue.put(text)


async def send(websocket: WebSocket, queue: asyncio.Queue[str]) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await queue.get())


async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    queue: asyncio.Queue[str] = asyncio.Queue()
    await asyncio.gather(receive(websocket, queue), send(websocket, queue))  # <- here


app = Starlette(routes=[WebSocketRoute("/chat", chat)])

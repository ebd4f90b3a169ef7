# When `receive` returns, `send` is cancelled.

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
    task = asyncio.create_task(send(websocket, queue))
    try:
        await receive(websocket, queue)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


app = Starlette(routes=[WebSocketRoute("/chat", chat)])

"""A job goes on when its client has left, and is kept for no longer than it runs."""

import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

tasks: set[asyncio.Task[None]] = set()


async def store(text: str) -> None:
    await asyncio.sleep(0.1)


async def notes(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            text = await websocket.receive_text()
            task = asyncio.create_task(store(text))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/notes", notes)])

"""Reader and writer as nested functions, gathered; nobody expects the end."""

import asyncio

from fastapi import FastAPI, WebSocket

app = FastAPI()


@app.websocket("/feed")
async def feed(websocket: WebSocket) -> None:
    inbox: asyncio.Queue[str] = asyncio.Queue()

    async def reader() -> None:
        while True:
            inbox.put_nowait(await websocket.receive_text())

    async def writer() -> None:
        while True:
            await websocket.send_text(await inbox.get())

    await websocket.accept()
    try:
        await asyncio.gather(reader(), writer())
    finally:
        for task in asyncio.all_tasks():
            if task.get_coro().__qualname__.endswith("writer"):
                task.cancel()

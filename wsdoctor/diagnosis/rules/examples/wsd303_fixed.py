# The handler holds the task, and ends it: cancel, then wait.

import asyncio
from contextlib import suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


async def announce(websocket: WebSocket, scores: asyncio.Queue[str]) -> None:
    with suppress(WebSocketDisconnect):  # it may be the first to notice
        while True:
            await websocket.send_text(await scores.get())


@app.websocket("/scores")
async def game(websocket: WebSocket) -> None:
    await websocket.accept()
    scores: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.create_task(announce(websocket, scores))
    try:
        while True:
            await websocket.receive_text()
            scores.put_nowait("1:0")
    except WebSocketDisconnect:
        pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])

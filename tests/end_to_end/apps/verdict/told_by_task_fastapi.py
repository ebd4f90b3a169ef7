"""The handler awaited the task that received the disconnect: it knows, and sends."""

import asyncio
from contextlib import suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


@app.websocket("/bug")
async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    reader = asyncio.create_task(websocket.receive_text())
    await asyncio.wait({reader})
    if reader.exception() is not None:
        await websocket.send_text("bye")  # <- WSD102 error


@app.websocket("/ok")
async def talk_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    reader = asyncio.create_task(websocket.receive_text())
    await asyncio.wait({reader})
    if reader.exception() is None:
        with suppress(WebSocketDisconnect):
            await websocket.send_text("bye")

"""A worker says good-bye when its owner cancels it; the owner expects what comes of that, or does not."""

import asyncio
from contextlib import suppress

from fastapi import FastAPI, WebSocket

app = FastAPI()


async def ticks(websocket: WebSocket) -> None:
    try:
        while True:
            await websocket.send_text("tick")
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        await websocket.send_text("complete")  # <- WSD102 error


@app.websocket("/bug")
async def bug(websocket: WebSocket) -> None:
    await websocket.accept()
    task = asyncio.create_task(ticks(websocket))
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        task.cancel()
        await task  # <- WSD203 error


@app.websocket("/ok")
async def ok(websocket: WebSocket) -> None:
    await websocket.accept()
    task = asyncio.create_task(ticks(websocket))
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        task.cancel()
        with suppress(BaseException):
            await task

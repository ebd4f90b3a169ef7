"""The remedies of WSD501 for several tasks, and of WSD102 for a farewell, in an application."""

import asyncio
from contextlib import suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


async def follow(symbol: str, websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(symbol)
            await asyncio.sleep(10)


@app.websocket("/quotes")
async def quotes(websocket: WebSocket) -> None:
    await websocket.accept()
    tasks = [asyncio.create_task(follow(name, websocket)) for name in ("ABC", "XYZ")]
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        if left := [task for task in tasks if not task.done()]:
            for task in left:
                task.cancel()
            await asyncio.wait(left)


@app.websocket("/chat")
async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while (text := await websocket.receive_text()) != "bye":
            await websocket.send_text(text)
    except WebSocketDisconnect:
        pass
    else:
        await websocket.send_json({"event": "bye"})

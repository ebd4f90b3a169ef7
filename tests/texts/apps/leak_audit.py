"""Every message is written to an audit log, in the background, by a function that may fail."""

import asyncio
import json

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


def in_background(function):
    def start(*args):
        asyncio.create_task(function(*args))

    return start


@in_background
async def audit(text: str) -> None:
    await asyncio.sleep(0)
    entry = json.loads(text)
    print(entry["user"])


@app.websocket("/audited")
async def audited(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            text = await websocket.receive_text()
            audit(text)
            await websocket.send_text("noted")
    except WebSocketDisconnect:
        pass

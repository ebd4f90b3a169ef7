# The task fails, and nothing awaits it: asyncio says so when it is collected.
# Shown by: wsdoctor check TARGET --send '{"player": "ada"}'

import asyncio
import json

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
scores: dict[str, int] = {}


async def record(text: str) -> None:
    event = json.loads(text)
    scores[event["player"]] = event["score"]


@app.websocket("/scores")
async def game(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            asyncio.create_task(record(await websocket.receive_text()))  # <- here
    except WebSocketDisconnect:
        pass

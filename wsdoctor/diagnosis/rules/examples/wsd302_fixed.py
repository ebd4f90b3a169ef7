# Awaited where it is called, and what may go wrong is dealt with there.

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
            try:
                await record(await websocket.receive_text())
            except (KeyError, ValueError):
                await websocket.send_text("no such event")
    except WebSocketDisconnect:
        pass

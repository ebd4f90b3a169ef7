"""A dashboard that polls: between two polls it does not listen."""

import asyncio
from typing import Annotated

from fastapi import Depends, FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


class Metrics:
    async def load(self) -> float:
        await asyncio.sleep(0.01)
        return 0.25


async def poll(websocket: WebSocket, metrics: Metrics) -> None:
    while True:
        await websocket.send_json({"load": await metrics.load()})
        await asyncio.sleep(30)


@app.websocket("/dashboard")
async def dashboard(websocket: WebSocket, metrics: Annotated[Metrics, Depends()]) -> None:
    await websocket.accept()
    try:
        await poll(websocket, metrics)
    except WebSocketDisconnect:
        pass

# What leaves a task group is an ExceptionGroup with the disconnect inside, and
# `except WebSocketDisconnect` does not catch that.

import asyncio

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


async def send(websocket: WebSocket) -> None:
    while True:
        await websocket.send_json({"price": 42})
        await asyncio.sleep(1)


async def receive(websocket: WebSocket) -> None:
    while True:
        await websocket.receive_text()


@app.websocket("/prices")
async def prices(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        async with asyncio.TaskGroup() as group:  # <- here
            group.create_task(receive(websocket))
            group.create_task(send(websocket))
    except WebSocketDisconnect:
        pass

"""The worker beside the reader dies of a message, and takes the connection along."""

import asyncio

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


async def compute(numbers: asyncio.Queue[str], websocket: WebSocket) -> None:
    while True:
        number = int(await numbers.get())
        await websocket.send_text(str(100 // number))


async def read(numbers: asyncio.Queue[str], websocket: WebSocket) -> None:
    while True:
        numbers.put_nowait(await websocket.receive_text())


@app.websocket("/divide")
async def divide(websocket: WebSocket) -> None:
    await websocket.accept()
    numbers: asyncio.Queue[str] = asyncio.Queue()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(read(numbers, websocket))
            group.create_task(compute(numbers, websocket))
    except* WebSocketDisconnect:
        pass

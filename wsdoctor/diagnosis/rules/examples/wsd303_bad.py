# The task waits on a queue that no other code knows once the handler has returned:
# the collector takes them both.

import asyncio

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


async def announce(websocket: WebSocket, scores: asyncio.Queue[str]) -> None:
    while True:
        await websocket.send_text(await scores.get())


@app.websocket("/scores")
async def game(websocket: WebSocket) -> None:
    await websocket.accept()
    scores: asyncio.Queue[str] = asyncio.Queue()
    asyncio.create_task(announce(websocket, scores))  # <- here
    try:
        while True:
            await websocket.receive_text()
            scores.put_nowait("1:0")
    except WebSocketDisconnect:
        pass

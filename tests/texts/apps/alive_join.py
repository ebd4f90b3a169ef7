"""The handler waits until its queue is empty; nobody empties it any more."""

import asyncio

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


class Outbox:
    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.queue: asyncio.Queue[str] = asyncio.Queue()

    async def drain(self) -> None:
        await self.queue.join()


@app.websocket("/outbox")
async def outbox(websocket: WebSocket) -> None:
    await websocket.accept()
    box = Outbox(websocket)
    try:
        while True:
            box.queue.put_nowait("hello")
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        await box.drain()

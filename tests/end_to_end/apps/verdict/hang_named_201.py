"""A relay that hangs at most moments, and lets the disconnect out at some."""

import asyncio

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


@app.websocket("/bug")
async def relay(websocket: WebSocket) -> None:
    await websocket.accept()
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def inbound() -> None:
        async for text in websocket.iter_text():
            queue.put_nowait(text)

    async def outbound() -> None:
        while True:
            await websocket.send_text(await queue.get())

    await asyncio.gather(inbound(), outbound())  # <- WSD402 error


@app.websocket("/ok")
async def relay_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def outbound() -> None:
        try:
            while True:
                await websocket.send_text(await queue.get())
        except WebSocketDisconnect:
            pass

    sender = asyncio.create_task(outbound())
    try:
        async for text in websocket.iter_text():
            queue.put_nowait(text)
    finally:
        if not sender.done():
            sender.cancel()
            await asyncio.wait([sender])

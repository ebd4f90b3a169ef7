"""A feed of another server's, by websockets, goes to the client as it comes."""

from __future__ import annotations

import asyncio
import os

import websockets
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


async def forward(upstream: websockets.ClientConnection, socket: WebSocket) -> None:
    async for price in upstream:
        await socket.send_text(str(price))


@app.websocket("/fixed")
async def fixed(socket: WebSocket) -> None:
    await socket.accept()
    async with websockets.connect(os.environ["FEED_URL"]) as upstream:
        sender = asyncio.create_task(forward(upstream, socket))
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            sender.cancel()
            await asyncio.wait([sender])


@app.websocket("/bug")
async def bug(socket: WebSocket) -> None:
    await socket.accept()
    # Without max_queue=None the unread queue fills up, pongs are not read, and the connection ends.
    upstream = await websockets.connect(os.environ["FEED_URL"], max_queue=None)  # <- here
    sender = asyncio.create_task(forward(upstream, socket))
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        sender.cancel()
        await asyncio.wait([sender])

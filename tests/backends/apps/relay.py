"""A feed of another server's, by aiohttp."""

from __future__ import annotations

import asyncio
import os

import aiohttp
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


async def forward(upstream: aiohttp.ClientWebSocketResponse, socket: WebSocket) -> None:
    async for price in upstream:
        await socket.send_text(price.data)


@app.websocket("/fixed")
async def fixed(socket: WebSocket) -> None:
    await socket.accept()
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(os.environ["FEED_URL"]) as upstream,
    ):
        sender = asyncio.create_task(forward(upstream, socket))
        try:
            while True:
                await upstream.send_str(await socket.receive_text())
        except WebSocketDisconnect:
            pass
        finally:
            sender.cancel()
            await asyncio.wait([sender])


@app.websocket("/bug")
async def bug(socket: WebSocket) -> None:
    await socket.accept()
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(os.environ["FEED_URL"]) as upstream,
    ):
        sender = asyncio.create_task(forward(upstream, socket))
        while not sender.done():
            await upstream.send_str(await socket.receive_text())  # <- here

"""The tokens of a language model's answer, by httpx, go to the client as they come."""

from __future__ import annotations

import asyncio
import os

import httpx
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


async def answer(socket: WebSocket) -> None:
    async with (
        httpx.AsyncClient(trust_env=False) as client,
        client.stream("GET", os.environ["TOKENS_URL"]) as response,
    ):
        async for token in response.aiter_lines():
            await socket.send_text(token)


@app.websocket("/fixed")
async def fixed(socket: WebSocket) -> None:
    await socket.accept()
    answering: asyncio.Task[None] | None = None
    try:
        while True:
            await socket.receive_text()
            if answering is not None:
                answering.cancel()
            answering = asyncio.create_task(answer(socket))
    except WebSocketDisconnect:
        pass
    finally:
        if answering is not None:
            answering.cancel()
            await asyncio.wait([answering])


@app.websocket("/bug")
async def bug(socket: WebSocket) -> None:
    await socket.accept()
    answering: asyncio.Task[None] | None = None
    try:
        while True:
            await socket.receive_text()
            answering = asyncio.create_task(answer(socket))
    except WebSocketDisconnect:
        if answering is not None:
            await answering  # <- here

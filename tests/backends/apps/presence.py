"""Who is online, in Redis. Its connection is idle until the client leaves."""

from __future__ import annotations

import asyncio
import os

import redis.asyncio as redis
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

store = redis.from_url(os.environ["REDIS_URL"])


async def fixed(socket: WebSocket) -> None:
    await socket.accept()
    await store.incr("online")
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        async with asyncio.timeout(0.5):
            await store.decr("online")


async def bug(socket: WebSocket) -> None:
    await socket.accept()
    await store.incr("online")
    while True:
        await socket.send_text(await socket.receive_text())  # <- here
        await store.decr("online")


app = Starlette(routes=[WebSocketRoute("/fixed", fixed), WebSocketRoute("/bug", bug)])

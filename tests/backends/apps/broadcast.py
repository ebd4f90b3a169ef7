"""Redis publishes what one client says to every client."""

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
    async with store.pubsub() as room:
        await room.subscribe("room")

        async def forward() -> None:
            async for heard in room.listen():
                if heard["type"] == "message":
                    await socket.send_text(heard["data"].decode())

        sender = asyncio.create_task(forward())
        try:
            while True:
                await store.publish("room", await socket.receive_text())
        except WebSocketDisconnect:
            pass
        finally:
            sender.cancel()
            await asyncio.wait([sender])


async def bug(socket: WebSocket) -> None:
    await socket.accept()
    async with store.pubsub() as room:
        await room.subscribe("room")

        async def forward() -> None:
            async for heard in room.listen():
                if heard["type"] == "message":
                    await socket.send_text(heard["data"].decode())

        sender = asyncio.create_task(forward())
        try:
            while True:
                await store.publish("room", await socket.receive_text())
        except WebSocketDisconnect:
            pass
        await sender  # <- here


app = Starlette(routes=[WebSocketRoute("/fixed", fixed), WebSocketRoute("/bug", bug)])

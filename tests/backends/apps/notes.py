"""Notes in SQLite, by aiosqlite: a thread for each connection."""

from __future__ import annotations

import asyncio

import aiosqlite
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def poll(socket: WebSocket, store: aiosqlite.Connection) -> None:
    while True:
        async with store.execute("select count(*) from notes") as found:
            row = await found.fetchone()
        await socket.send_text(str(row and row[0]))
        await asyncio.sleep(0.5)


async def fixed(socket: WebSocket) -> None:
    await socket.accept()
    async with aiosqlite.connect(":memory:") as store:
        await store.execute("create table notes (text)")
        sender = asyncio.create_task(poll(socket, store))
        try:
            while True:
                said = await socket.receive_text()
                async with asyncio.timeout(1):
                    await store.execute("insert into notes values (?)", (said,))
        except WebSocketDisconnect:
            pass
        finally:
            sender.cancel()
            await asyncio.wait([sender])


async def bug(socket: WebSocket) -> None:
    await socket.accept()
    async with aiosqlite.connect(":memory:") as store:
        await store.execute("create table notes (text)")
        sender = asyncio.create_task(poll(socket, store))
        try:
            while True:
                said = await socket.receive_text()
                await store.execute("insert into notes values (?)", (said,))
        except WebSocketDisconnect:
            pass
        finally:
            await sender  # <- here
            sender.cancel()


app = Starlette(routes=[WebSocketRoute("/fixed", fixed), WebSocketRoute("/bug", bug)])

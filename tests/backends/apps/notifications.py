"""PostgreSQL's LISTEN and NOTIFY: what one client says, every client gets."""

from __future__ import annotations

import asyncio
import os

import asyncpg
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def forward(socket: WebSocket, said: asyncio.Queue[str]) -> None:
    while True:
        await socket.send_text(await said.get())


async def fixed(socket: WebSocket) -> None:
    await socket.accept()
    said: asyncio.Queue[str] = asyncio.Queue()
    connection = await asyncpg.connect(os.environ["POSTGRES_URL"])
    sender = asyncio.create_task(forward(socket, said))
    try:
        await connection.add_listener("room", lambda *heard: said.put_nowait(heard[3]))
        while True:
            await connection.execute("select pg_notify('room', $1)", await socket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        sender.cancel()
        await asyncio.wait([sender])
        await connection.close(timeout=5)


async def bug(socket: WebSocket) -> None:
    await socket.accept()
    said: asyncio.Queue[str] = asyncio.Queue()
    connection = await asyncpg.connect(os.environ["POSTGRES_URL"])
    sender = asyncio.create_task(forward(socket, said))
    try:
        await connection.add_listener("room", lambda *heard: said.put_nowait(heard[3]))
        while True:
            await connection.execute("select pg_notify('room', $1)", await socket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        await asyncio.wait([sender])  # <- here
        await connection.close(timeout=5)


app = Starlette(routes=[WebSocketRoute("/fixed", fixed), WebSocketRoute("/bug", bug)])

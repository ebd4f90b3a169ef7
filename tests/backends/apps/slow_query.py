"""A query of 0.4 s under a time-out of 30 s. The other handler forgets to give its connection back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, WebSocket, WebSocketDisconnect


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.pool = await asyncpg.create_pool(os.environ["POSTGRES_URL"], min_size=1, max_size=20)
    yield
    app.state.pool.terminate()


app = FastAPI(lifespan=lifespan)


@app.websocket("/fixed")
async def fixed(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.receive_text()
            async with asyncio.timeout(30), socket.app.state.pool.acquire() as connection:
                await connection.execute("select pg_sleep(0.4)")
            await socket.send_text("done")
    except WebSocketDisconnect:
        pass


@app.websocket("/bug")
async def bug(socket: WebSocket) -> None:
    await socket.accept()
    connection = await socket.app.state.pool.acquire()  # <- here
    try:
        while True:
            await socket.receive_text()
            await connection.execute("select pg_sleep(0.01)")
            await socket.send_text("done")
    except WebSocketDisconnect:
        pass

"""psycopg's pool: libpq reads and writes by itself, and asyncio only waits for it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from psycopg_pool import AsyncConnectionPool


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncConnectionPool(
        os.environ["POSTGRES_URL"], min_size=1, max_size=20, open=False, timeout=5
    ) as app.state.pool:
        yield


app = FastAPI(lifespan=lifespan)


@app.websocket("/fixed")
async def fixed(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.receive_text()
            async with socket.app.state.pool.connection() as connection:
                await connection.execute("select pg_sleep(0.2)")
            await socket.send_text("done")
    except WebSocketDisconnect:
        pass


@app.websocket("/bug")
async def bug(socket: WebSocket) -> None:
    await socket.accept()
    connection = await socket.app.state.pool.getconn()  # <- here
    try:
        while True:
            await socket.receive_text()
            await connection.execute("select 1")
            await socket.send_text("done")
    except WebSocketDisconnect:
        pass

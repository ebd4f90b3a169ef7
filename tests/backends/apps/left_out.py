"""Takes something from the pool of each library: the bugs give nothing back, their twins do."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import psycopg_pool
import redis.asyncio as redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

DATABASE = os.environ["POSTGRES_URL"]

engine = create_async_engine(DATABASE.replace("postgresql:", "postgresql+asyncpg:", 1))
store = redis.from_url(os.environ["REDIS_URL"])
kept: list[Any] = []
"""What the collector would give back otherwise."""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with psycopg_pool.AsyncConnectionPool(
        DATABASE, min_size=1, max_size=4, open=False
    ) as app.state.pool:
        yield
    await engine.dispose()
    await store.aclose()


async def until_gone(socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await socket.send_text(await socket.receive_text())


async def psycopg_bug(socket: WebSocket) -> None:
    await socket.accept()
    connection = await socket.app.state.pool.getconn()  # <- psycopg
    await connection.execute("select 1")
    await until_gone(socket)


async def psycopg_fixed(socket: WebSocket) -> None:
    await socket.accept()
    async with socket.app.state.pool.connection() as connection:
        await connection.execute("select 1")
    await until_gone(socket)


async def alone_bug(socket: WebSocket) -> None:
    await socket.accept()
    kept.append(await psycopg.AsyncConnection.connect(DATABASE))  # <- alone
    await until_gone(socket)


async def alone_fixed(socket: WebSocket) -> None:
    await socket.accept()
    async with await psycopg.AsyncConnection.connect(DATABASE):
        await until_gone(socket)


async def sqlalchemy_bug(socket: WebSocket) -> None:
    await socket.accept()
    connection = await engine.connect()  # <- sqlalchemy
    await connection.execute(text("select 1"))
    kept.append(connection)
    await until_gone(socket)


async def sqlalchemy_fixed(socket: WebSocket) -> None:
    await socket.accept()
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))
    await until_gone(socket)


async def redis_bug(socket: WebSocket) -> None:
    await socket.accept()
    channel = store.pubsub()
    await channel.subscribe("news")  # <- redis
    kept.append(channel)
    await until_gone(socket)


async def redis_fixed(socket: WebSocket) -> None:
    await socket.accept()
    async with store.pubsub() as channel:
        await channel.subscribe("news")
        await until_gone(socket)


app = Starlette(
    lifespan=lifespan,
    routes=[
        WebSocketRoute("/psycopg/bug", psycopg_bug),
        WebSocketRoute("/psycopg/fixed", psycopg_fixed),
        WebSocketRoute("/alone/bug", alone_bug),
        WebSocketRoute("/alone/fixed", alone_fixed),
        WebSocketRoute("/sqlalchemy/bug", sqlalchemy_bug),
        WebSocketRoute("/sqlalchemy/fixed", sqlalchemy_fixed),
        WebSocketRoute("/redis/bug", redis_bug),
        WebSocketRoute("/redis/fixed", redis_fixed),
    ],
)

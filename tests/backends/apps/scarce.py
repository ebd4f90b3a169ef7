"""Keeps what it took from the pool of a library, but only for the third client: the others give it back."""

import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import aiohttp
import asyncpg
import httpx
import psycopg_pool
import redis.asyncio as redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

DATABASE, TOKENS = os.environ["POSTGRES_URL"], os.environ["TOKENS_URL"]

engine = create_async_engine(DATABASE.replace("postgresql:", "postgresql+asyncpg:", 1))
store = redis.from_url(os.environ["REDIS_URL"])
kept: list[Any] = []
"""What the collector would give back otherwise."""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with (
        psycopg_pool.AsyncConnectionPool(DATABASE, min_size=2, open=False) as app.state.psycopg,
        asyncpg.create_pool(DATABASE, min_size=2, max_size=5) as app.state.asyncpg,
        httpx.AsyncClient() as app.state.httpx,
        aiohttp.ClientSession() as app.state.aiohttp,
    ):
        yield
    await engine.dispose()
    await store.aclose()


async def from_asyncpg(state: Any, stack: AsyncExitStack) -> None:
    connection = await stack.enter_async_context(state.asyncpg.acquire())
    await connection.fetchval("select 1")


async def from_psycopg(state: Any, stack: AsyncExitStack) -> None:
    connection = await stack.enter_async_context(state.psycopg.connection())
    await connection.execute("select 1")


async def from_sqlalchemy(_: Any, stack: AsyncExitStack) -> None:
    connection = await stack.enter_async_context(engine.connect())
    await connection.execute(text("select 1"))


async def from_redis(_: Any, stack: AsyncExitStack) -> None:
    channel = await stack.enter_async_context(store.pubsub())
    await channel.subscribe("news")


async def from_httpx(state: Any, stack: AsyncExitStack) -> None:
    await stack.enter_async_context(state.httpx.stream("GET", TOKENS))


async def from_aiohttp(state: Any, stack: AsyncExitStack) -> None:
    await stack.enter_async_context(state.aiohttp.get(TOKENS))


Take = Callable[[Any, AsyncExitStack], Awaitable[None]]


def handler(take: Take, *, buggy: bool) -> Callable[[WebSocket], Awaitable[None]]:
    numbers = itertools.count(1)

    async def handle(socket: WebSocket) -> None:
        await socket.accept()
        number = next(numbers)
        stack = AsyncExitStack()
        await take(socket.app.state, stack)
        with suppress(WebSocketDisconnect):
            while True:
                await socket.send_text(await socket.receive_text())
        if buggy and number == 3:
            kept.append(stack)
        else:
            await stack.aclose()

    return handle


LIBRARIES: dict[str, Take] = {
    "asyncpg": from_asyncpg,
    "psycopg": from_psycopg,
    "sqlalchemy": from_sqlalchemy,
    "redis": from_redis,
    "httpx": from_httpx,
    "aiohttp": from_aiohttp,
}

app = Starlette(
    lifespan=lifespan,
    routes=[
        WebSocketRoute(f"/{name}/{which}", handler(take, buggy=which == "bug"))
        for name, take in LIBRARIES.items()
        for which in ("bug", "fixed")
    ],
)

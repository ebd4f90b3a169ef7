"""Quotes for everybody: a service puts them into the streams of all clients, and nobody takes a stream away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

streams: list[MemoryObjectSendStream[str]] = []


async def quote() -> None:
    while True:
        await anyio.sleep(1)
        for stream in streams:
            with suppress(anyio.WouldBlock):
                stream.send_nowait("12.50")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with anyio.create_task_group() as services:
        services.start_soon(quote)
        yield
        services.cancel_scope.cancel()


app = FastAPI(lifespan=lifespan)


@app.websocket("/quotes")
async def quotes(websocket: WebSocket) -> None:
    await websocket.accept()
    send, receive = anyio.create_memory_object_stream[str](10)
    streams.append(send)

    async def write() -> None:
        with suppress(WebSocketDisconnect):
            while True:
                text = "are you there?"
                with anyio.move_on_after(15):
                    text = await receive.receive()
                await websocket.send_text(text)

    async with send, receive, anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        async for _ in websocket.iter_text():
            pass
        tasks.cancel_scope.cancel()

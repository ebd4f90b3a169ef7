"""APScheduler: each client is sent the time every second, by a job of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from apscheduler.job import Job
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from fastapi import FastAPI, WebSocket, WebSocketDisconnect


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.scheduler = AsyncIOScheduler()
    app.state.scheduler.start()
    yield
    app.state.scheduler.shutdown()


app = FastAPI(lifespan=lifespan)  # <- here


async def tell(socket: WebSocket) -> None:
    await socket.send_text("tick")


def begin(socket: WebSocket) -> Job:
    scheduler: AsyncIOScheduler = socket.app.state.scheduler
    return scheduler.add_job(tell, "interval", seconds=1, args=[socket])


async def until_gone(socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await socket.send_text(await socket.receive_text())


@app.websocket("/fixed")
async def fixed(socket: WebSocket) -> None:
    await socket.accept()
    job = begin(socket)
    try:
        await until_gone(socket)
    finally:
        job.remove()


@app.websocket("/bug")
async def bug(socket: WebSocket) -> None:
    await socket.accept()
    begin(socket)
    await until_gone(socket)

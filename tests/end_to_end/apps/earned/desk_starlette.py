"""The reader is a task of its own; the handler cleans up what the messages brought."""

import asyncio
from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

open_jobs: list[str] = []


async def read(socket: WebSocket, jobs: list[str]) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            data = await socket.receive_json()
            jobs.append(data["job"])
            await socket.send_json({"queued": data["job"]})


async def never_listed(socket: WebSocket) -> None:
    await socket.accept()
    jobs: list[str] = []
    reading = asyncio.create_task(read(socket, jobs))
    try:
        await asyncio.wait([reading])
    finally:
        for job in jobs:
            open_jobs.remove(job)  # <- bug


async def listed(socket: WebSocket) -> None:
    await socket.accept()
    jobs: list[str] = []
    reading = asyncio.create_task(read(socket, jobs))
    try:
        await asyncio.wait([reading])
    finally:
        open_jobs.extend(jobs)
        for job in jobs:
            open_jobs.remove(job)


app = Starlette(
    routes=[WebSocketRoute("/never-listed", never_listed), WebSocketRoute("/listed", listed)]
)

"""A room whose broadcast is reached only once a message has come, and one with a queue for each member."""

import asyncio
import json
from contextlib import suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
members: list[WebSocket] = []
queues: set[asyncio.Queue[str]] = set()


@app.websocket("/bug")
async def bug(socket: WebSocket) -> None:
    await socket.accept()
    members.append(socket)
    try:
        while True:
            message = json.loads(await socket.receive_text())
            for member in members:
                await member.send_text(message["text"])  # <- WSD405
    except WebSocketDisconnect:
        pass
    finally:
        members.remove(socket)


async def empty(queue: asyncio.Queue[str], socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await socket.send_text(await queue.get())


@app.websocket("/ok")
async def ok(socket: WebSocket) -> None:
    await socket.accept()
    queue: asyncio.Queue[str] = asyncio.Queue(8)
    sender = asyncio.create_task(empty(queue, socket))
    queues.add(queue)
    try:
        while True:
            message = json.loads(await socket.receive_text())
            for other in queues:
                with suppress(asyncio.QueueFull):
                    other.put_nowait(message["text"])
    except WebSocketDisconnect:
        pass
    finally:
        queues.discard(queue)
        sender.cancel()
        with suppress(asyncio.CancelledError):
            await sender

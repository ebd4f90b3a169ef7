"""A decorator says good-bye however the handler ended."""

import functools
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
Handler = Callable[[WebSocket], Awaitable[None]]


def courteous(handler: Handler) -> Handler:
    @functools.wraps(handler)
    async def wrapper(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await handler(websocket)
        finally:
            await websocket.send_json({"event": "bye"})

    return wrapper


@app.websocket("/chat")
@courteous
async def chat(websocket: WebSocket) -> None:
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        return

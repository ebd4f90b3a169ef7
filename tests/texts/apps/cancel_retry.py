"""A retry decorator that retries whatever happens, a cancellation included."""

import asyncio
import functools

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect


def retried(function):
    @functools.wraps(function)
    async def wrapper(*args):
        while True:
            try:
                return await function(*args)
            except BaseException:
                await asyncio.sleep(1)

    return wrapper


@retried
async def subscribe(topic: str) -> None:
    await asyncio.Event().wait()


@websocket("/topic")
async def topic(socket: WebSocket) -> None:
    await socket.accept()
    subscription = asyncio.create_task(subscribe("weather"))
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        subscription.cancel()


app = Litestar([topic])

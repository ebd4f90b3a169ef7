"""The stream that renews its subscription, and stops when it is cancelled.

`asyncio.wait` waits for the old task and does not raise the task's exceptions: a CancelledError that
comes out of it is the stream's own, and ends the loop. `asyncio.wait` does not cancel the task that
it waits for, so the old subscription ends properly even then.

Against `swallowed-cancel` this one statement differs.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect

SHOWS = ()

LIFETIME = 2.25  # seconds that a subscription is good for


async def ask_broker(request: str) -> None:
    """Send the request, and wait for the answer."""
    await asyncio.sleep(0.01)


async def forward(socket: WebSocket[Any, Any, Any]) -> None:
    """Send the time every two seconds, as long as the subscription lasts."""
    await ask_broker("subscribe")
    try:
        while True:
            await socket.send_text(time.ctime())
            await asyncio.sleep(2)
    except (WebSocketDisconnect, OSError):
        pass  # a send may lose the race with the disconnect
    finally:
        await ask_broker("unsubscribe")


async def stream(socket: WebSocket[Any, Any, Any]) -> None:
    """Subscribe, and subscribe anew before that expires."""
    while True:
        task = asyncio.create_task(forward(socket))
        try:
            await asyncio.sleep(LIFETIME)
        finally:
            task.cancel()
            await asyncio.wait([task])


@asynccontextmanager
async def lifespan(socket: WebSocket[Any, Any, Any]) -> AsyncIterator[None]:
    """Accept the connection and stream beside the listener."""
    await socket.accept()
    task = asyncio.create_task(stream(socket))
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    """Send every message back."""
    return data


app = Litestar([echo])

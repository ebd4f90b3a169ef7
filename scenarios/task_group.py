"""The raw handler with a sender and a receiver in a task group.

A task group is the right tool: when one side fails, the other is cancelled and waited for. But what
leaves it is an ExceptionGroup with the WebSocketDisconnect inside, which no `except
WebSocketDisconnect` would catch, and here nothing does. Litestar sends `websocket.close` with code
4500 on a connection that has ended.

`task-group-fixed` adds `except*`.
"""

import asyncio
import time
from typing import Any

from litestar import Litestar, WebSocket, websocket

SHOWS = ("WSD202",)
FIXED_TWIN = "task-group-fixed"


async def sender(socket: WebSocket[Any, Any, Any]) -> None:
    """Send the time every two seconds."""
    while True:
        await socket.send_text(time.ctime())
        await asyncio.sleep(2)


async def receiver(socket: WebSocket[Any, Any, Any]) -> None:
    """Send every message back."""
    while True:
        await socket.send_text(await socket.receive_text())


@websocket("/ws")
async def handler(socket: WebSocket[Any, Any, Any]) -> None:
    """Accept the connection, then send and receive at the same time."""
    await socket.accept()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sender(socket))
        tasks.create_task(receiver(socket))


app = Litestar([handler])

"""The raw handler with a sender and a receiver in a task group, and `except*` around it.

When the receiver meets the disconnect, the task group cancels the sender and waits for it. It then
raises a group of the exceptions that show that the client has left: WebSocketDisconnect, and the
OSError of a send that lost the race with it. `except*` catches these and lets all others pass, such
as a bug in the sender.

Against `task-group` the `try` and the `except*` are new.
"""

import asyncio
import time
from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

SHOWS = ()


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
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(sender(socket))
            tasks.create_task(receiver(socket))
    except* (WebSocketDisconnect, OSError):
        pass


app = Litestar([handler])

# The task group cancels the stream at each `await`, those of the clean-up included.

import asyncio
from contextlib import suppress
from typing import Any

import anyio
from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

members: set[str] = set()


async def announce(text: str) -> None:
    await asyncio.sleep(0.01, text)  # as a message broker does


async def stream(socket: WebSocket[Any, Any, Any], name: str) -> None:
    members.add(name)
    try:
        while True:
            await socket.send_text("tick")
            await asyncio.sleep(1)
    finally:
        await announce(f"{name} left")  # <- here
        members.discard(name)


@websocket("/ticks")
async def ticks(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    async with anyio.create_task_group() as group:
        group.start_soon(stream, socket, f"member {len(members)}")
        with suppress(WebSocketDisconnect):
            while await socket.receive_text():
                pass
        group.cancel_scope.cancel()


app = Litestar([ticks])

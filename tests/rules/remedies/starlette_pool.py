"""The remedy of WSD309 for a connection that is taken from a pool, in an application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


class Pool:
    def __init__(self) -> None:
        self.idle = [1, 2, 3]

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[int]:
        connection = self.idle.pop()
        try:
            await asyncio.sleep(0.001)
            yield connection
        finally:
            self.idle.append(connection)


pool = Pool()


async def rows(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while await websocket.receive_text():
            async with pool.acquire() as connection:
                answer = f"row of connection {connection}"
            await websocket.send_text(answer)
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/rows", rows)])

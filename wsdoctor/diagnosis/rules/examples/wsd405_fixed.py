# One publisher for all clients. Who does not take a message in time misses it.

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

clients: set[WebSocket] = set()


async def publish() -> None:
    while True:
        await asyncio.sleep(1)
        for client in list(clients):
            with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
                await asyncio.wait_for(client.send_text("news"), 0.5)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    task = asyncio.create_task(publish())
    yield
    task.cancel()


async def feed(websocket: WebSocket) -> None:
    await websocket.accept()
    clients.add(websocket)
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        clients.discard(websocket)


app = Starlette(routes=[WebSocketRoute("/feed", feed)], lifespan=lifespan)

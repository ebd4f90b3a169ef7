"""The remedy of WSD405 for Litestar, in an application: a limit for each send."""

import asyncio
from contextlib import asynccontextmanager, suppress

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

clients: set[WebSocket] = set()


async def publish(text: str) -> None:
    for client in list(clients):
        try:
            async with asyncio.timeout(1):
                await client.send_text(text)
        except (TimeoutError, WebSocketDisconnect, OSError):
            clients.discard(client)


async def clock() -> None:
    while True:
        await asyncio.sleep(1)
        await publish("tick")


@asynccontextmanager
async def lifespan(_: Litestar):
    task = asyncio.create_task(clock())
    yield
    task.cancel()


@websocket("/ws")
async def handler(socket: WebSocket) -> None:
    await socket.accept()
    clients.add(socket)
    try:
        with suppress(WebSocketDisconnect):
            while True:
                await socket.receive_text()
    finally:
        clients.discard(socket)


app = Litestar([handler], lifespan=[lifespan])

"""The other remedy of WSD405, in an application: a limit for each send."""

import asyncio
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

clients: set[WebSocket] = set()


async def publish(text: str) -> None:
    for client in list(clients):
        try:
            async with asyncio.timeout(1):
                await client.send_text(text)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            clients.discard(client)


async def clock() -> None:
    while True:
        await asyncio.sleep(1)
        await publish("tick")


@asynccontextmanager
async def lifespan(_: Starlette):
    task = asyncio.create_task(clock())
    yield
    task.cancel()


async def handler(websocket: WebSocket) -> None:
    await websocket.accept()
    clients.add(websocket)
    try:
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        clients.discard(websocket)


app = Starlette(routes=[WebSocketRoute("/ws", handler)], lifespan=lifespan)

"""The remedy of WSD405 for a service that must not end with one of its clients, in an application."""

import asyncio
import logging
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

log = logging.getLogger(__name__)
queues: set[asyncio.Queue[str]] = set()


def publish(text: str) -> None:
    for queue in list(queues):
        try:
            queue.put_nowait(text)
        except Exception:
            log.exception("a client was left out")
            queues.discard(queue)


async def clock() -> None:
    while True:
        await asyncio.sleep(1)
        publish("tick")


@asynccontextmanager
async def lifespan(_: Starlette):
    async with asyncio.TaskGroup() as services:
        task = services.create_task(clock())
        yield
        task.cancel()


async def pass_on(websocket: WebSocket, queue: asyncio.Queue[str]) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await queue.get())


async def handler(websocket: WebSocket) -> None:
    await websocket.accept()
    queue: asyncio.Queue[str] = asyncio.Queue()
    queues.add(queue)
    task = asyncio.create_task(pass_on(websocket, queue))
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        queues.discard(queue)
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


app = Starlette(routes=[WebSocketRoute("/ws", handler)], lifespan=lifespan)

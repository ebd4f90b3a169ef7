"""The remedy of WSD405 for any framework, in an application: a queue for each client."""

import asyncio
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

queues: set[asyncio.Queue[str]] = set()


def publish(text: str) -> None:
    for queue in queues:
        with suppress(asyncio.QueueFull):
            queue.put_nowait(text)


async def clock() -> None:
    while True:
        await asyncio.sleep(1)
        publish("tick")


@asynccontextmanager
async def lifespan(_: Starlette):
    task = asyncio.create_task(clock())
    yield
    task.cancel()


async def pass_on(websocket: WebSocket, queue: asyncio.Queue[str]) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await websocket.send_text(await queue.get())


async def handler(websocket: WebSocket) -> None:
    await websocket.accept()
    queue: asyncio.Queue[str] = asyncio.Queue(10)
    queues.add(queue)
    task = asyncio.create_task(pass_on(websocket, queue))
    try:
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        queues.discard(queue)
        task.cancel()
        await asyncio.wait([task])


app = Starlette(routes=[WebSocketRoute("/ws", handler)], lifespan=lifespan)

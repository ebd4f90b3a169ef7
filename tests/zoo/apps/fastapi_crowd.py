"""FastAPI: a chat whose manager sends what one says to everybody, and rooms with a queue for each client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

# --- the manager of the chat: who speaks after somebody has left dies of it


class Manager:
    def __init__(self) -> None:
        self.active: list[WebSocket] = []

    async def connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.active.append(websocket)

    async def broadcast(self, text: str) -> None:
        for connection in self.active:
            await connection.send_text(text)  # <- WSD405 chat


class CarefulManager(Manager):
    async def broadcast(self, text: str) -> None:
        for connection in list(self.active):
            await self.tell(connection, text)

    async def tell(self, connection: WebSocket, text: str) -> None:
        try:
            async with asyncio.timeout(1):
                await connection.send_text(text)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            self.leave(connection)

    def leave(self, websocket: WebSocket) -> None:
        if websocket in self.active:
            self.active.remove(websocket)


manager, careful = Manager(), CarefulManager()


# --- a queue for each client: the publisher waits until the slowest has room, or lets it miss some

full: set[asyncio.Queue[str]] = set()
dropping: set[asyncio.Queue[str]] = set()


async def feed_bug() -> None:
    while True:
        await asyncio.sleep(0.5)
        for queue in list(full):
            await queue.put("news")  # <- WSD405 feed


async def feed_ok() -> None:
    while True:
        await asyncio.sleep(0.5)
        for queue in list(dropping):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait("news")


# --- the publisher does not wait, and does not expect that a queue may be full

fragile: set[asyncio.Queue[str]] = set()
tolerant: set[asyncio.Queue[str]] = set()


async def alerts_bug() -> None:
    while True:
        await asyncio.sleep(0.5)
        for queue in list(fragile):
            queue.put_nowait("alert")  # <- WSD405 alerts


async def alerts_ok() -> None:
    while True:
        await asyncio.sleep(0.5)
        for queue in list(tolerant):
            with suppress(asyncio.QueueFull):
                queue.put_nowait("alert")


async def pass_on(websocket: WebSocket, queue: asyncio.Queue[str]) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await websocket.send_text(await queue.get())


async def serve(websocket: WebSocket, queues: set[asyncio.Queue[str]]) -> None:
    await websocket.accept()
    queue: asyncio.Queue[str] = asyncio.Queue(3)
    queues.add(queue)
    task = asyncio.create_task(pass_on(websocket, queue))
    try:
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        queues.discard(queue)
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    publishers = (feed_bug, feed_ok, alerts_bug, alerts_ok)
    tasks = [asyncio.create_task(publish()) for publish in publishers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


app = FastAPI(lifespan=lifespan)


@app.websocket("/chat-bug")
async def chat_bug(websocket: WebSocket) -> None:
    await manager.connect(websocket)
    try:
        while True:
            await manager.broadcast(await websocket.receive_text())
    except WebSocketDisconnect as gone:
        if gone.code != 1000:
            raise


@app.websocket("/chat-ok")
async def chat_ok(websocket: WebSocket) -> None:
    await careful.connect(websocket)
    try:
        while (message := await websocket.receive())["type"] != "websocket.disconnect":
            await careful.broadcast(message.get("text", ""))
    finally:
        careful.leave(websocket)
    await careful.broadcast("somebody left")


@app.websocket("/feed-bug")
async def feed_client_bug(websocket: WebSocket) -> None:
    await serve(websocket, full)


@app.websocket("/feed-ok")
async def feed_client_ok(websocket: WebSocket) -> None:
    await serve(websocket, dropping)


@app.websocket("/alerts-bug")
async def alerts_client_bug(websocket: WebSocket) -> None:
    await serve(websocket, fragile)


@app.websocket("/alerts-ok")
async def alerts_client_ok(websocket: WebSocket) -> None:
    await serve(websocket, tolerant)

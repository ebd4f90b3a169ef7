"""One socket per user: a quick reconnect is knocked out of the routing by the old handler's clean-up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect


class Manager:
    def __init__(self) -> None:
        self.active: dict[str, WebSocket] = {}

    async def connect(self, user: str, websocket: WebSocket) -> None:
        await websocket.accept()
        self.active[user] = websocket

    def disconnect(self, user: str) -> None:
        self.active.pop(user, None)  # <- WSD406 error

    def disconnect_own(self, user: str, websocket: WebSocket) -> None:
        if self.active.get(user) is websocket:
            del self.active[user]

    async def tell(self, user: str, text: str) -> None:
        if (websocket := self.active.get(user)) is not None:
            with suppress(WebSocketDisconnect, RuntimeError):
                await websocket.send_text(text)


by_name, by_socket = Manager(), Manager()


async def news() -> None:
    number = 0
    while True:
        await asyncio.sleep(1)
        number += 1
        for manager in (by_name, by_socket):
            for user in list(manager.active):
                await manager.tell(user, f"news {number}")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    task = asyncio.create_task(news())
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


@app.websocket("/bug")
async def bug(websocket: WebSocket, user: str = "ann") -> None:
    await by_name.connect(user, websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        by_name.disconnect(user)


@app.websocket("/ok")
async def ok(websocket: WebSocket, user: str = "ann") -> None:
    await by_socket.connect(user, websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        by_socket.disconnect_own(user, websocket)

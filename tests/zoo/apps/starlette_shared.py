"""Tasks of the whole application that connections start: a publisher, sessions that may be resumed."""
# ruff: noqa: RUF006

import asyncio
import contextlib

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

# --- one publisher for all, started by whoever comes first


class Publisher:
    def __init__(self) -> None:
        self.clients: set[WebSocket] = set()  # <- WSD305 publisher
        self.task: asyncio.Task[None] | None = None

    def join(self, websocket: WebSocket) -> None:
        self.clients.add(websocket)
        if self.task is None:
            self.task = asyncio.create_task(self.publish())

    async def publish(self) -> None:
        while True:
            await asyncio.sleep(50)
            for client in list(self.clients):
                with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                    await client.send_text("news")  # <- WSD102 publisher


careless, careful = Publisher(), Publisher()


async def publisher_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    careless.join(websocket)
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def publisher_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    careful.join(websocket)
    try:
        # Not receive_text(): that raises once a send of the publisher's has failed.
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        careful.clients.discard(websocket)


# --- a session that waits for its client to come back: for thirty seconds, or for ever


class Sessions:
    def __init__(self) -> None:
        self.waiting: dict[str, asyncio.Task[None]] = {}
        self.kept: set[asyncio.Task[None]] = set()

    def expire_later(self, name: str) -> None:
        self.waiting[name] = asyncio.create_task(self.expire(name))

    async def expire(self, name: str) -> None:
        await asyncio.sleep(30)
        self.waiting.pop(name, None)

    def watch_for_ever(self) -> None:
        task = asyncio.create_task(self.watch())  # <- WSD301 reconnect
        self.kept.add(task)
        task.add_done_callback(self.kept.discard)

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(30)


sessions = Sessions()


async def reconnect_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    async for _ in websocket.iter_text():
        pass
    sessions.watch_for_ever()


async def reconnect_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    async for _ in websocket.iter_text():
        pass
    sessions.expire_later("session")


app = Starlette(
    routes=[
        WebSocketRoute("/publisher-bug", publisher_bug),
        WebSocketRoute("/publisher-ok", publisher_ok),
        WebSocketRoute("/reconnect-bug", reconnect_bug),
        WebSocketRoute("/reconnect-ok", reconnect_ok),
    ]
)

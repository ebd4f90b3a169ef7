"""`WebSocketEndpoint` classes, and what their hooks do when the client has left."""
# ruff: noqa: RUF012

import itertools
import asyncio
import contextlib
from typing import Any

from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

# --- on_disconnect closes


class CloseInHookBug(WebSocketEndpoint):
    encoding = "text"

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        pass

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        await websocket.close(close_code)  # <- WSD101 close-in-hook


class CloseInHookOk(WebSocketEndpoint):
    encoding = "text"

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        if data == "bye":
            with contextlib.suppress(WebSocketDisconnect):
                await websocket.close()

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        pass


# --- a heartbeat that on_connect starts


class HeartbeatHookBug(WebSocketEndpoint):
    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.heartbeat = asyncio.create_task(self.beat(websocket))  # <- WSD301 heartbeat-hook

    async def beat(self, websocket: WebSocket) -> None:
        while True:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await websocket.send_text("ping")
            await asyncio.sleep(5)


class HeartbeatHookOk(HeartbeatHookBug):
    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.heartbeat = asyncio.create_task(self.beat(websocket))

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        self.heartbeat.cancel()
        await asyncio.gather(self.heartbeat, return_exceptions=True)


# --- a registry that the hook cleans, and its dictionary does not have the key any more


numbers = itertools.count(1)


class RegistryHookBug(WebSocketEndpoint):
    members: dict[str, WebSocket] = {}

    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.name = f"member {next(numbers)}"
        self.members[self.name] = websocket

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        self.leave(self.name)
        self.leave(self.name)

    def leave(self, name: str) -> None:
        del self.members[name]  # <- WSD203 registry-hook


class RegistryHookOk(RegistryHookBug):
    def leave(self, name: str) -> None:
        self.members.pop(name, None)


# --- the conversation goes through a queue and a worker of the connection's own


class WorkerHookBug(WebSocketEndpoint):
    encoding = "text"

    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.queue: asyncio.Queue[str | None] = asyncio.Queue()
        self.worker = asyncio.create_task(self.work(websocket))

    async def on_receive(self, websocket: WebSocket, data: str) -> None:
        await self.queue.put(data)

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        await self.worker  # <- WSD402 worker-hook

    async def work(self, websocket: WebSocket) -> None:
        while (item := await self.queue.get()) is not None:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await websocket.send_text(item.upper())


class WorkerHookOk(WorkerHookBug):
    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        self.queue.put_nowait(None)
        await self.worker

    async def work(self, websocket: WebSocket) -> None:
        """What is still in the queue when the client leaves is not sent any more."""
        with contextlib.suppress(WebSocketDisconnect):
            while (item := await self.queue.get()) is not None:
                await websocket.send_text(item.upper())


# --- the clients' clocks have one place between them


class SlotHookBug(WebSocketEndpoint):
    encoding = "text"
    clock: asyncio.Task[None]

    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        type(self).clock = asyncio.create_task(self.tick(websocket))

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        self.clock.cancel()  # <- WSD405 slot-hook
        await asyncio.wait([self.clock])

    async def tick(self, websocket: WebSocket) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            while True:
                await websocket.send_text("tick")
                await asyncio.sleep(0.5)


class SlotHookOk(SlotHookBug):
    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.clock = asyncio.create_task(self.tick(websocket))


app = Starlette(
    routes=[
        WebSocketRoute("/close-in-hook-bug", CloseInHookBug),
        WebSocketRoute("/close-in-hook-ok", CloseInHookOk),
        WebSocketRoute("/heartbeat-hook-bug", HeartbeatHookBug),
        WebSocketRoute("/heartbeat-hook-ok", HeartbeatHookOk),
        WebSocketRoute("/registry-hook-bug", RegistryHookBug),
        WebSocketRoute("/registry-hook-ok", RegistryHookOk),
        WebSocketRoute("/worker-hook-bug", WorkerHookBug),
        WebSocketRoute("/worker-hook-ok", WorkerHookOk),
        WebSocketRoute("/slot-hook-bug", SlotHookBug),
        WebSocketRoute("/slot-hook-ok", SlotHookOk),
    ]
)

"""Starlette endpoints that close with a code that came from somewhere else."""

import asyncio
import contextlib

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

# --- a relay that hands on the code with which its upstream has gone


class UpstreamError(Exception):
    """As the exceptions of WebSocket clients: 1006 if the connection ended without a close frame."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Upstream:
    def __init__(self) -> None:
        self.left = 4

    async def recv(self) -> str:
        await asyncio.sleep(0.1)
        if not self.left:
            raise UpstreamError(1006)
        self.left -= 1
        return f"{self.left} left"


async def relay_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    with contextlib.suppress(WebSocketDisconnect):
        try:
            while True:
                await websocket.send_text(await upstream.recv())
        except UpstreamError as gone:
            await websocket.close(gone.code)  # <- WSD107 relay


async def relay_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    with contextlib.suppress(WebSocketDisconnect):
        try:
            while True:
                await websocket.send_text(await upstream.recv())
        except UpstreamError as gone:
            known = gone.code in {1000, 1001, 1011} or gone.code >= 3000
            await websocket.close(gone.code if known else 1014)


# --- a status of HTTP in the place of a close code


async def status_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        for step in range(4):
            await websocket.send_text(f"looked in {step}")
            await asyncio.sleep(0.1)
        await websocket.close(404, "no such room")  # <- WSD107 status


async def status_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        for step in range(4):
            await websocket.send_text(f"looked in {step}")
            await asyncio.sleep(0.1)
        await websocket.close(4404, "no such room")


app = Starlette(
    routes=[
        WebSocketRoute("/relay-bug", relay_bug),
        WebSocketRoute("/relay-ok", relay_ok),
        WebSocketRoute("/status-bug", status_bug),
        WebSocketRoute("/status-ok", status_ok),
    ]
)

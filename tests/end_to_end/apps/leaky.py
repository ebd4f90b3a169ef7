"""A handler that has every secret of its handshake on its lips: in logs, errors and task names."""

import asyncio
import logging

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

log = logging.getLogger("leaky")


async def stream(websocket: WebSocket, said: str) -> None:
    while True:
        await websocket.send_text(said)
        await asyncio.sleep(1)


async def feed(websocket: WebSocket) -> None:
    said = " ".join(
        (
            websocket.headers.get("authorization", ""),
            websocket.cookies.get("session", ""),
            str(websocket.url),
            websocket.query_params.get("token", ""),
        )
    )
    log.warning("a client with %s", said)
    await websocket.accept()
    task = asyncio.create_task(stream(websocket, said), name=said)
    try:
        while True:
            await websocket.receive_text()
    finally:
        task.cancel()
        raise RuntimeError(f"no more for {said}")


app = Starlette(routes=[WebSocketRoute("/feed/{room}", feed)])

"""A sender whose message was refused: whoever waits for it is told, and a reader beside it is not."""

import asyncio
from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def ticks(websocket: WebSocket) -> None:
    while True:
        await websocket.send_text("tick")
        await asyncio.sleep(0.05)


async def told(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        await asyncio.gather(ticks(websocket))
    with suppress(WebSocketDisconnect):
        await websocket.receive_text()  # <- WSD104 error


async def told_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    sender = asyncio.create_task(ticks(websocket))
    reader = asyncio.create_task(websocket.receive_text())
    await asyncio.wait([sender, reader], return_when=asyncio.FIRST_COMPLETED)
    sender.cancel()
    reader.cancel()
    await asyncio.wait([sender, reader])


async def untold(websocket: WebSocket) -> None:
    await websocket.accept()
    sender = asyncio.create_task(ticks(websocket))
    try:
        while True:
            await websocket.receive_text()
            await asyncio.sleep(0.3)  # works on it
    except WebSocketDisconnect:
        pass
    finally:
        sender.cancel()
        with suppress(asyncio.CancelledError, WebSocketDisconnect):
            await sender


app = Starlette(
    routes=[
        WebSocketRoute("/bug", told),
        WebSocketRoute("/ok", told_ok),
        WebSocketRoute("/untold", untold),
    ]
)

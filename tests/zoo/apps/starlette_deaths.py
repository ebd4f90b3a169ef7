"""Starlette: a task that is meant to end, and ends everything."""

import asyncio
import sys

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

# --- a console's reader exits, as it did when it was a script of its own; the twin's returns


async def read_bug(websocket: WebSocket) -> None:
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        sys.exit("nobody is there any more")  # <- WSD407 console


async def read_ok(websocket: WebSocket) -> None:
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        return


async def console_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    await asyncio.wait([asyncio.create_task(read_bug(websocket))])


async def console_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    await asyncio.wait([asyncio.create_task(read_ok(websocket))])


app = Starlette(
    routes=[WebSocketRoute("/console-bug", console_bug), WebSocketRoute("/console-ok", console_ok)]
)

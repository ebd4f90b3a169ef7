"""A queue brings what the reader puts there when it has received the disconnect."""

import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def listen(websocket: WebSocket, inbox: asyncio.Queue[str | None]) -> None:
    try:
        async for text in websocket.iter_text():
            inbox.put_nowait(text)
    finally:
        inbox.put_nowait(None)


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    inbox: asyncio.Queue[str | None] = asyncio.Queue()
    reader = asyncio.create_task(listen(websocket, inbox))
    while (text := await inbox.get()) is not None:
        try:
            await websocket.send_text(text)
        except WebSocketDisconnect:
            break
    else:
        await websocket.send_text("bye")  # <- WSD102 error
    await reader


async def talk_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    inbox: asyncio.Queue[str | None] = asyncio.Queue()
    reader = asyncio.create_task(listen(websocket, inbox))
    while (text := await inbox.get()) is not None:
        try:
            await websocket.send_text(text)
        except WebSocketDisconnect:
            break
    await asyncio.wait([reader])


app = Starlette(routes=[WebSocketRoute("/bug", talk), WebSocketRoute("/ok", talk_ok)])

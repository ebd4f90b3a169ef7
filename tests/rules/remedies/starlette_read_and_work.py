"""The remedies of WSD201 for tasks that are awaited together, and of WSD401 for a limit, in an application."""

import asyncio
from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def answer(inbox: asyncio.Queue[str], websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await inbox.get())


async def together(websocket: WebSocket) -> None:
    await websocket.accept()
    inbox: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.create_task(answer(inbox, websocket))
    try:
        while True:
            inbox.put_nowait(await websocket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


async def limited(websocket: WebSocket) -> None:
    await websocket.accept()
    saved = asyncio.Event()
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await saved.wait()


app = Starlette(routes=[WebSocketRoute("/together", together), WebSocketRoute("/limited", limited)])

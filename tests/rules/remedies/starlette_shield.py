"""The remedy of WSD206 for a clean-up that waits, in an application."""

import asyncio

import anyio
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

members: set[str] = set()


async def announce(text: str) -> None:
    await asyncio.sleep(0.01, text)


async def stream(websocket: WebSocket) -> None:
    name = f"member {len(members)}"
    members.add(name)
    try:
        while True:
            await websocket.send_text("tick")
            await asyncio.sleep(1)
    except (WebSocketDisconnect, OSError):
        pass
    finally:
        members.discard(name)
        await asyncio.shield(announce(f"{name} left"))


async def ticks(websocket: WebSocket) -> None:
    await websocket.accept()
    async with anyio.create_task_group() as group:
        group.start_soon(stream, websocket)
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            group.cancel_scope.cancel()


app = Starlette(routes=[WebSocketRoute("/ticks", ticks)])

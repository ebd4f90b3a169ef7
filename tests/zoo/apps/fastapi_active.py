"""FastAPI: rooms and their members, and who is taken out with whom."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

# --- who leaves a room closes it for all; the twin's is closed by the last one

rooms_bug: dict[str, list[WebSocket]] = {}
rooms_ok: dict[str, list[WebSocket]] = {}


async def announce() -> None:
    while True:
        await asyncio.sleep(1)
        for member in [*rooms_bug.get("hall", []), *rooms_ok.get("hall", [])]:
            with suppress(WebSocketDisconnect, OSError, RuntimeError, TimeoutError):
                await asyncio.wait_for(member.send_text("news"), 0.5)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
    task = asyncio.create_task(announce())
    yield
    task.cancel()
    await asyncio.wait([task])


app = FastAPI(lifespan=lifespan)


async def read(websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()


@app.websocket("/hall-bug")
async def hall_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    rooms_bug.setdefault("hall", []).append(websocket)
    try:
        await read(websocket)
    finally:
        rooms_bug.pop("hall", None)  # <- WSD405 hall


@app.websocket("/hall-ok")
async def hall_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    rooms_ok.setdefault("hall", []).append(websocket)
    try:
        await read(websocket)
    finally:
        rooms_ok["hall"].remove(websocket)
        if not rooms_ok["hall"]:
            del rooms_ok["hall"]

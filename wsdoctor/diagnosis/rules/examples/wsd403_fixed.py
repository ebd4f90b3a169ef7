# The handler returns, and then the lifespan's shutdown begins.

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket, WebSocketDisconnect


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.saved = asyncio.Event()
    yield
    app.state.saved.set()


app = FastAPI(lifespan=lifespan)


@app.websocket("/board")
async def board(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass

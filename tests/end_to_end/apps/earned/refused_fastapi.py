"""Handshakes that FastAPI refuses, or that fail, and what they leave behind."""

from collections.abc import AsyncGenerator

from fastapi import Depends, FastAPI, HTTPException, WebSocket

app = FastAPI()
checked_out: list[str] = []
waiting: set[WebSocket] = set()


async def connection() -> AsyncGenerator[str, None]:
    checked_out.append("db")
    yield "db"
    checked_out.pop()


@app.websocket("/dependency")
async def rows(socket: WebSocket, limit: int, db: str = Depends(connection)) -> None:
    await socket.accept()
    await socket.send_text(f"{limit} rows of {db}")
    await socket.close()


@app.websocket("/token")
async def token(socket: WebSocket) -> None:
    raise HTTPException(403)


@app.websocket("/own-error")
async def own_error(socket: WebSocket) -> None:
    socket.headers["x-room"]
    await socket.accept()


@app.websocket("/left")
async def left(socket: WebSocket) -> None:
    waiting.add(socket)
    await socket.close()


@app.websocket("/cleaned")
async def cleaned(socket: WebSocket) -> None:
    waiting.add(socket)
    try:
        await socket.close()
    finally:
        waiting.discard(socket)

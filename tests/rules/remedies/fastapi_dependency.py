"""A dependency that gives back what it took, whatever ends the handler (WSD205)."""

from collections.abc import AsyncIterator

from fastapi import Depends, FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
seats: list[int] = []


async def seat() -> AsyncIterator[int]:
    seats.append(number := len(seats))
    try:
        yield number
    finally:
        seats.remove(number)


@app.websocket("/game")
async def game(websocket: WebSocket, number: int = Depends(seat)) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(f"seat {number}: {await websocket.receive_text()}")
    except WebSocketDisconnect:
        pass

# The handler saves what is its own and returns; the lifespan's shutdown comes after it.

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
saved: list[str] = []


@app.websocket("/board")
async def board(websocket: WebSocket) -> None:
    await websocket.accept()
    lines: list[str] = []
    try:
        while True:
            lines.append(await websocket.receive_text())
            await websocket.send_text(lines[-1])
    except WebSocketDisconnect:
        saved.extend(lines)

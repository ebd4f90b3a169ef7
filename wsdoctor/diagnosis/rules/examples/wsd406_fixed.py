# One connection per user. The clean-up removes its own, and no other.

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
active: dict[str, WebSocket] = {}


@app.websocket("/inbox")
async def inbox(websocket: WebSocket, user: str = "ann") -> None:
    await websocket.accept()
    active[user] = websocket
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        if active.get(user) is websocket:
            del active[user]

# One connection per user. The phone changes networks, and connects again before the
# server knows that its old connection is dead.

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
        active.pop(user, None)  # <- here

# Who brings no token is sent away with a plain `return`, and the handshake is never
# answered.

from contextlib import suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


@app.websocket("/chat")
async def chat(websocket: WebSocket, token: str = "") -> None:  # <- here
    if token != "demo":
        return
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await websocket.receive_text())

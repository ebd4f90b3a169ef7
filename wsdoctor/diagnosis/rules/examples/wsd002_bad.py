# The handler wants a token, and the check brings none: every connection is refused
# with a 403, and nothing after that line is ever run.

from contextlib import suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect, WebSocketException

app = FastAPI()


@app.websocket("/chat")
async def chat(websocket: WebSocket, token: str = "") -> None:
    if token != "demo":
        raise WebSocketException(1008, "the query has no valid token")  # <- here
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await websocket.receive_text())

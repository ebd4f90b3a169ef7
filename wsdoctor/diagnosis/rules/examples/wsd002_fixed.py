# The code stays as it is. Bring the token: wsdoctor check TARGET --query token=demo

from contextlib import suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect, WebSocketException

app = FastAPI()


@app.websocket("/chat")
async def chat(websocket: WebSocket, token: str = "") -> None:
    if token != "demo":
        raise WebSocketException(1008, "the query has no valid token")
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await websocket.receive_text())

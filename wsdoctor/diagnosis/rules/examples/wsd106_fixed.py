# `close()` before `accept()` refuses the client, who gets a 403. To check the rest:
# wsdoctor check TARGET --query token=demo

from contextlib import suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


@app.websocket("/chat")
async def chat(websocket: WebSocket, token: str = "") -> None:
    if token != "demo":
        await websocket.close(1008)
        return
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await websocket.receive_text())

# Who has left is forgotten first. Then the others are told.

from contextlib import suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
clients: set[WebSocket] = set()


async def tell_everybody(text: str) -> None:
    for client in list(clients):
        with suppress(WebSocketDisconnect, RuntimeError):  # that one has left, too
            await client.send_text(text)


@app.websocket("/lobby")
async def lobby(websocket: WebSocket) -> None:
    await websocket.accept()
    clients.add(websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        clients.remove(websocket)
        await tell_everybody("a member left")

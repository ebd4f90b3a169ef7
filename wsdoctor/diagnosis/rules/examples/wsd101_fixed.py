# `else` instead of `finally`: only a connection that is still open is closed.

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


@app.websocket("/ws")
async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while (text := await websocket.receive_text()) != "bye":
            await websocket.send_text(text)
    except WebSocketDisconnect:
        pass
    else:
        await websocket.close()

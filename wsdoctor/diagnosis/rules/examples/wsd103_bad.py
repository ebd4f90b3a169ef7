# After `close()` the loop goes on: the answer is sent on a closed connection.
# Shown by: wsdoctor check TARGET --send bye

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


@app.websocket("/ws")
async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            text = await websocket.receive_text()
            if text == "bye":
                await websocket.close()
            await websocket.send_text(f"you said {text}")  # <- here
    except WebSocketDisconnect:
        pass

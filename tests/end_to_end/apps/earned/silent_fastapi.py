"""A handler that is silent until a message comes, and its twin that speaks by itself."""

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


async def answer(socket: WebSocket, text: str) -> None:
    await socket.send_text(text)


@app.websocket("/silent")
async def silent(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            text = await socket.receive_text()  # <- waits
            await answer(socket, text)  # <- not reached
    except WebSocketDisconnect:
        pass


@app.websocket("/speaks")
async def speaks(socket: WebSocket) -> None:
    await socket.accept()
    await answer(socket, "hello")
    await socket.close()

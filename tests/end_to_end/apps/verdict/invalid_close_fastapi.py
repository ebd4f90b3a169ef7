"""The handler raises the framework's exception with a code that is never sent."""

from fastapi import FastAPI, WebSocket, WebSocketDisconnect, WebSocketException

app = FastAPI()


async def numbers(websocket: WebSocket, code: int) -> None:
    await websocket.accept()
    while True:
        text = await websocket.receive_text()
        if not text.isdigit():
            raise WebSocketException(code, "no number")  # <- WSD107 error


@app.websocket("/bug")
async def bug(websocket: WebSocket) -> None:
    try:
        await numbers(websocket, 1005)
    except WebSocketDisconnect:
        pass


@app.websocket("/ok")
async def ok(websocket: WebSocket) -> None:
    try:
        await numbers(websocket, 1007)
    except WebSocketDisconnect:
        pass

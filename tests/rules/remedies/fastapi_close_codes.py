"""The remedy of WSD107 for a code that comes from another connection, in an application."""

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


class UpstreamError(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


async def ask(text: str) -> str:
    if text == "bye":
        raise UpstreamError(1006)
    return text.upper()


@app.websocket("/relay")
async def relay(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            try:
                await websocket.send_text(await ask(await websocket.receive_text()))
            except UpstreamError as closed:
                code = closed.code
                sendable = code in {1000, 1001, 1008, 1011} or 3000 <= code <= 4999
                await websocket.close(code if sendable else 1011)
                return
    except WebSocketDisconnect:
        pass

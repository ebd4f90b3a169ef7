"""Litestar closes with the `detail` of an exception as the reason, however long that is."""

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect, WebSocketException


@websocket("/bug")
async def bug(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while text := await socket.receive_text():
            if not text.isdigit():
                wrong = f"{text} is no number. " + "A number has digits. " * 6
                raise WebSocketException(detail=wrong, code=4422)  # <- WSD107 error
    except WebSocketDisconnect:
        pass


@websocket("/ok")
async def ok(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while text := await socket.receive_text():
            if not text.isdigit():
                wrong = f"{text} is no number. " + "A number has digits. " * 6
                raise WebSocketException(detail=wrong[:123], code=4422)
    except WebSocketDisconnect:
        pass


app = Litestar([bug, ok])

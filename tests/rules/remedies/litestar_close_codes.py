"""The remedies of WSD107 for a code and a reason that come from elsewhere, in Litestar."""

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect


class UpstreamError(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


async def ask(text: str) -> str:
    if text == "bye":
        raise UpstreamError(1006)
    return text.upper()


@websocket("/relay")
async def relay(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            try:
                await socket.send_text(await ask(await socket.receive_text()))
            except UpstreamError as closed:
                code = closed.code
                sendable = code in {1000, 1001, 1008, 1011} or 3000 <= code <= 4999
                await socket.close(code=code if sendable else 1011)
                return
            except ValueError as error:
                reason = str(error)
                short = reason.encode(errors="replace")[:123].decode(errors="ignore")
                await socket.close(code=1003, reason=short)
                return
    except (WebSocketDisconnect, OSError):
        pass


app = Litestar([relay])

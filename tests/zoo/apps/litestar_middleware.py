"""Litestar: middleware of the application's own, through which the framework's messages go."""

from contextlib import suppress

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send


class Traffic(ASGIMiddleware):
    """Counts what each connection sends. Litestar's own middleware is on both sides of it."""

    def __init__(self) -> None:
        self.sent = 0

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        async def counted(message: Message) -> None:
            self.sent += 1
            await send(message)

        await next_app(scope, receive, counted)


@websocket("/echo-bug")
async def echo_bug(socket: WebSocket) -> None:
    await socket.accept()
    while True:
        await socket.send_text(await socket.receive_text())  # <- WSD201 echo


@websocket("/echo-ok")
async def echo_ok(socket: WebSocket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect, OSError):
        while True:
            await socket.send_text(await socket.receive_text())


app = Litestar([echo_bug, echo_ok], middleware=[Traffic()])

"""A handler that is silent until a message comes, and its twin that speaks by itself."""

from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def silent(socket: WebSocket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect):
        async for text in socket.iter_text():  # <- waits
            await socket.send_text(text)  # <- not reached


async def speaks(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


app = Starlette(routes=[WebSocketRoute("/silent", silent), WebSocketRoute("/speaks", speaks)])

"""A listener that is silent until a message comes, and a handler that speaks by itself."""

import asyncio

from litestar import Litestar, WebSocket, websocket, websocket_listener


@websocket_listener("/silent")
async def silent(data: str) -> str:  # <- waits
    await asyncio.sleep(0)  # <- not reached
    return data


@websocket("/speaks")
async def speaks(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


app = Litestar([silent, speaks])

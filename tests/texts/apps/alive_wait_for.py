"""The clean-up gives an unfinished upload five seconds, whether or not it can still go on."""

import asyncio

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect


async def collect(chunks: asyncio.Queue[bytes]) -> None:
    while await chunks.get():
        pass


@websocket("/upload")
async def upload(socket: WebSocket) -> None:
    await socket.accept()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    collector = asyncio.create_task(collect(chunks))
    try:
        while True:
            chunks.put_nowait((await socket.receive_text()).encode())
    except WebSocketDisconnect:
        try:
            await asyncio.wait_for(collector, timeout=5)
        except TimeoutError:
            pass


app = Litestar([upload])

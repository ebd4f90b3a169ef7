"""A task waits for a reply that only the connection could give it."""

import asyncio

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect


class Dialogue:
    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.reply: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def ask(self) -> None:
        answer = await self.reply
        print("the answer is", answer)


@websocket("/survey")
async def survey(socket: WebSocket) -> None:
    await socket.accept()
    dialogue = Dialogue(socket)
    asyncio.create_task(dialogue.ask())
    try:
        await socket.send_text("how are you?")
        dialogue.reply.set_result(await socket.receive_text())
    except WebSocketDisconnect:
        pass


app = Litestar([survey])

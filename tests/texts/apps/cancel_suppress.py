"""A poller that calls a cancellation one more time-out."""

import asyncio
from contextlib import suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


class Mailbox:
    def __init__(self) -> None:
        self.letters: asyncio.Queue[str] = asyncio.Queue()

    async def deliver(self) -> None:
        while True:
            with suppress(TimeoutError, asyncio.CancelledError):
                print(await asyncio.wait_for(self.letters.get(), timeout=10))


@app.websocket("/mail")
async def mail(websocket: WebSocket) -> None:
    await websocket.accept()
    mailbox = Mailbox()
    postman = asyncio.create_task(mailbox.deliver())
    try:
        while True:
            mailbox.letters.put_nowait(await websocket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        postman.cancel()
        await asyncio.wait([postman])

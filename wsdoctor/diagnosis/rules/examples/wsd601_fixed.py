# Only the handler reads: a message of the client waits until the history is sent.
# Shown by: wsdoctor check TARGET --send hello

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import send_websocket_stream


async def history() -> AsyncGenerator[str, None]:
    for text in ("hi", "how are you?"):
        yield text
        await asyncio.sleep(0.1)


@websocket("/chat")
async def chat(socket: WebSocket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect, OSError):
        async with aclosing(history()) as past:
            await send_websocket_stream(socket, past, close=False)
        async for text in socket.iter_data("text"):
            await socket.send_text(f"you said: {text}")


app = Litestar([chat])

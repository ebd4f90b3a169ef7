# While it sends the history, Litestar reads beside it and throws messages away.
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
    try:
        async with aclosing(history()) as past:
            await send_websocket_stream(  # <- here
                socket, past, close=False, listen_for_disconnect=True
            )
    except* (WebSocketDisconnect, OSError):
        pass
    if socket.connection_state == "disconnect":
        return
    with suppress(WebSocketDisconnect, OSError):
        async for text in socket.iter_data("text"):
            await socket.send_text(f"you said: {text}")


app = Litestar([chat])

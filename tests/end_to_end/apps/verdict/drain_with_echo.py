"""A flag tells the stream to stop, and the lifespan waits for it: up to one period."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import send_websocket_stream


@asynccontextmanager
async def pulse(socket: WebSocket) -> AsyncGenerator[None, None]:
    stopped = asyncio.Event()

    async def beats() -> AsyncGenerator[str, None]:
        while not stopped.is_set():
            yield "beat"
            await asyncio.sleep(2)

    sender = asyncio.create_task(send_websocket_stream(socket, beats()))
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        stopped.set()
        await sender  # <- WSD401 warning


@asynccontextmanager
async def beat(socket: WebSocket) -> AsyncGenerator[None, None]:
    async def beats() -> AsyncGenerator[str, None]:
        while True:
            yield "beat"
            await asyncio.sleep(2)

    async def send() -> None:
        with suppress(WebSocketDisconnect, OSError):
            await send_websocket_stream(socket, beats())

    sender = asyncio.create_task(send())
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        if not sender.done():
            sender.cancel()
            await asyncio.wait([sender])


@websocket_listener("/bug", connection_lifespan=pulse)
async def echo(data: str) -> str:
    return data


@websocket_listener("/ok", connection_lifespan=beat)
async def echo_too(data: str) -> str:
    return data


app = Litestar([echo, echo_too])

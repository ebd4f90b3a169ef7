"""Small ASGI applications that behave well; each test adds what it needs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket


def application(handler: Any) -> Any:
    """An ASGI application with ``handler(scope, receive, send)`` for WebSockets, and a lifespan that works."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        await handler(scope, receive, send)

    return app


async def _accept(receive: Any, send: Any) -> None:
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})


@application
async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Sends back what it gets, until the disconnect."""
    await _accept(receive, send)
    while (message := await receive())["type"] == "websocket.receive":
        with contextlib.suppress(OSError):
            await send({"type": "websocket.send", "text": message.get("text") or "bytes"})


def stream(every: float = 0.2, size: int = 5) -> Any:
    """Sends ``size`` characters ``every`` seconds, and listens for the disconnect meanwhile."""

    @application
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await _accept(receive, send)

        async def sender() -> None:
            with contextlib.suppress(OSError):
                while True:
                    await send({"type": "websocket.send", "text": "x" * size})
                    await asyncio.sleep(every)

        task = asyncio.create_task(sender())
        try:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return app


def starlette_echo() -> Any:
    """Sends back what it gets, as Starlette's documentation does it."""

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text)

    return Starlette(routes=[WebSocketRoute("/ws", handler)])


@application
async def closes_after_disconnect(scope: Any, receive: Any, send: Any) -> None:
    """Naive: closes in ``finally``, whoever ended the connection."""
    await _accept(receive, send)
    await send({"type": "websocket.send", "text": "one"})
    await send({"type": "websocket.send", "text": "two"})
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        await send({"type": "websocket.close", "code": 1000})


@application
async def raises(scope: Any, receive: Any, send: Any) -> None:
    """Raises when the client has left, and a task of its own fails unseen."""
    await _accept(receive, send)
    await send({"type": "websocket.send", "text": "one"})
    await send({"type": "websocket.send", "text": "two"})

    async def fail() -> None:
        raise LookupError("nobody awaits me")

    while (await receive())["type"] != "websocket.disconnect":
        pass
    asyncio.create_task(fail())
    raise KeyError("gone")

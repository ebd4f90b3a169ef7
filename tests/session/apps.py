"""Small ASGI applications that behave well; each test adds what it needs."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import anyio
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


def starlette_headers() -> Any:
    """Looks at its headers, which puts another list of them into the scope; and never reads."""

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept(subprotocol=websocket.headers.get("sec-websocket-protocol"))
        await asyncio.sleep(10)

    return Starlette(routes=[WebSocketRoute("/ws", handler)])


@application
async def closes_after_disconnect(scope: Any, receive: Any, send: Any) -> None:
    """Naive: closes in ``finally``, no matter which side ended the connection."""
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
        raise LookupError("never awaited")

    while (await receive())["type"] != "websocket.disconnect":
        pass
    asyncio.create_task(fail())
    raise KeyError("gone")


@application
async def crowd(scope: Any, receive: Any, send: Any) -> None:
    """Many tasks at once, in a group and in a set: which of them comes first is up to the sets."""
    await _accept(receive, send)
    loose = {asyncio.create_task(asyncio.sleep(1000)) for _ in range(16)}
    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(anyio.sleep_forever)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        group.cancel_scope.cancel()
    for task in loose:
        task.cancel()
    await asyncio.wait(loose)


def noise(size: int, every: float) -> Any:
    """Sends ``size`` bytes that nothing can compress, ``every`` seconds, and reads as well."""

    @application
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await _accept(receive, send)
        source = random.Random(1)  # noqa: S311 - only to be incompressible, and the same each time

        async def sender() -> None:
            with contextlib.suppress(OSError):
                while True:
                    await send({"type": "websocket.send", "bytes": source.randbytes(size)})
                    await asyncio.sleep(every)

        task = asyncio.create_task(sender())
        try:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return app

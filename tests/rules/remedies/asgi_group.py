"""The remedies of WSD202 without a framework: a refused send is expected around the task group."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


async def stream(send: Send) -> None:
    while True:
        await send({"type": "websocket.send", "text": "sunny"})
        await asyncio.sleep(3)


async def read(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    if scope["path"] == "/":
        await of_asyncio(receive, send)
    else:
        await of_anyio(receive, send)


async def of_asyncio(receive: Receive, send: Send) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            await send({"type": "websocket.accept"})
            streaming = group.create_task(stream(send))
            await read(receive)
            streaming.cancel()
    except* OSError:
        pass


async def of_anyio(receive: Receive, send: Send) -> None:
    try:
        async with anyio.create_task_group() as group:
            await send({"type": "websocket.accept"})
            group.start_soon(stream, send)
            await read(receive)
            group.cancel_scope.cancel()
    except* OSError:
        pass

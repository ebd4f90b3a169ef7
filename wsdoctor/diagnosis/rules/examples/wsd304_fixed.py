# Closed in the same task, whichever way the loop is left.

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

subscribers: set[object] = set()


async def subscription() -> AsyncGenerator[str, None]:
    subscribers.add(place := object())
    try:
        while True:
            yield "42.00"
            await asyncio.sleep(0.2)
    finally:
        subscribers.discard(place)


async def ticker(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        async with aclosing(subscription()) as prices:
            async for price in prices:
                await websocket.send_text(price)
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/prices", ticker)])
